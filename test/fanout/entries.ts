import type { InHand } from '../../fanout/in-hand.ts';
import type { OutboxEntry, Quiet } from '../../store/presence-store.ts';

export interface EntryOptions {
  readonly only?: readonly string[];
  readonly quiet?: Quiet | undefined;
  readonly lastActiveMs?: number;
}

/** A transition to BUSY, or with `only` an announcement. */
export function entryOf(
  userId: string,
  version: number,
  { only = [], quiet, lastActiveMs = 1 }: EntryOptions = {},
): OutboxEntry {
  return {
    entryId: String(version),
    settled: { userId, status: 'BUSY', version, lastActiveMs },
    cause: only.length > 0 ? 'ANNOUNCED' : 'CHOSEN',
    settledAtMs: 1000,
    causedAtMs: 1000,
    graphRevision: '7',
    only,
    quiet,
    trace: '',
    awaited: false,
  };
}

export function inHand(entry: OutboxEntry): InHand {
  return {
    ...{ entry, takenAtMs: 0, trace: '', planned: Promise.resolve() },
    ...{ superseded: false, abandoned: false, finished: false },
  };
}
