/** When to try again: exponential with full jitter, so that many clients do not come back at once. */

export interface Backoff {
  /** The first wait is at most this long, ms. */
  readonly baseMs: number;
  /** No wait is longer, ms. */
  readonly maxMs: number;
}

/** @param failures attempts that have failed in a row, not counting the one that made it wait first */
export function backoffMs(failures: number, { baseMs, maxMs }: Backoff, random: number): number {
  return random * Math.min(maxMs, baseMs * 2 ** failures);
}
