/** What is known of a user, and which of two things known is right. */
import type { WirePresence } from './frames.ts';

export type Status = 'ONLINE' | 'AWAY' | 'BUSY' | 'OFFLINE';

export interface Presence {
  readonly userId: string;
  readonly status: Status;
  /** Wall clock, ms since the epoch; undefined: never seen. */
  readonly lastActiveMs: number | undefined;
  /** A whole number in decimal, which may be too large for a `number`; compare with `isNewer`. */
  readonly version: string;
  /** `PULL`: too many followers to be told of every change; `watch` the user while they are on screen. */
  readonly mode: 'PUSH' | 'PULL';
}

const STATUSES: Readonly<Record<string, Status>> = {
  STATUS_ONLINE: 'ONLINE',
  STATUS_AWAY: 'AWAY',
  STATUS_BUSY: 'BUSY',
};

export function presenceOf(wire: WirePresence): Presence {
  return {
    userId: wire.userId,
    status: STATUSES[wire.status ?? ''] ?? 'OFFLINE',
    lastActiveMs: wire.lastActive === undefined ? undefined : Date.parse(wire.lastActive),
    version: wire.version ?? '0',
    mode: wire.mode === 'MODE_PULL' ? 'PULL' : 'PUSH',
  };
}

/** True when version `a` is higher than `b`: decimals without leading zeros. */
export function isNewer(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}
