/** Rules of status: pure, the same for every adapter; lua/user.lua says the same in Lua. */

/** What others may see. */
export type VisibleStatus = 'ONLINE' | 'AWAY' | 'BUSY' | 'OFFLINE';
/** What a session's activity makes of it. */
export type ActivityStatus = 'ONLINE' | 'AWAY';
/** What a user may choose for all their devices. */
export type ChosenStatus = 'ONLINE' | 'AWAY' | 'BUSY' | 'INVISIBLE';

export interface Choice {
  /** undefined takes the choice back. */
  readonly chosen: ChosenStatus | undefined;
  /** ms since it was chosen. */
  readonly ageMs: number;
}

/**
 * The visible status of a user with these live sessions: OFFLINE without any or when invisible, else the choice, else
 * the best activity. Commutative, associative and idempotent in the sessions.
 */
export function visibleStatus(
  live: readonly ActivityStatus[],
  chosen: ChosenStatus | undefined,
): VisibleStatus {
  if (live.length === 0 || chosen === 'INVISIBLE') return 'OFFLINE';
  return chosen ?? (live.includes('ONLINE') ? 'ONLINE' : 'AWAY');
}

/** The next version: above the last one, above the floor, and not behind the clock. */
export function nextVersion(last: number, floor: number, nowMs: number): number {
  return Math.max(last + 1, floor + 1, nowMs);
}
