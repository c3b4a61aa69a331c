/** Spans that every adapter keeps, ms. lua/*.lua gets them from here. */
export const timing = {
  /** How far above the clock a fence raises the floor: more than any version given out can be ahead of it. */
  fenceMarginMs: 60_000,
  /** How long nobody lapses after a fence: time for gateways to register their sessions again. */
  holdMs: 2_000,
  /** A sweep that finds the clock further than this from where it expected it takes it for a step. */
  clockStepMs: 1_000,
  /** A deadline further ahead than the lease and this was written before the clock stepped back. */
  staleDeadlineMs: 60_000,
  /** How long a user who could not be settled is not looked at again. */
  leftOutMs: 30_000,
  /** How long a user without sessions is remembered. */
  forgetMs: 90 * 24 * 3_600_000,
  /** An age beyond this says no more than this. */
  maxAgeMs: 24 * 3_600_000,
} as const;

/** Up to so many entries of an outbox are looked through for those of one user. */
export const LOOK_THROUGH = 128;

/**
 * Live sessions of a user: every change reads them all, and so does whoever is due. At this size a user's hash is also
 * still the compact kind, which keeps the order of its fields.
 */
export const MAX_SESSIONS = 64;

/** How many transitions of a user are remembered. */
export const LOG_LENGTH = 8;

/** An age as the store takes it: whole, not negative, bounded; nonsense is old, so that it extends no lease. */
export function clampAge(ageMs: number): number {
  return ageMs <= timing.maxAgeMs ? Math.max(0, Math.round(ageMs)) : timing.maxAgeMs;
}
