import type { Clock } from './clock.ts';
import { sleepOn } from './clock.ts';

export interface Backoff {
  /** First delay, ms. */
  readonly baseMs: number;
  /** Longest delay, ms. */
  readonly maxMs: number;
}

/** Delay before retry number `attempt` (0 = first): doubling, capped, with jitter between half and all of it. */
export function backoffMs(attempt: number, backoff: Backoff, random: number): number {
  const full = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(attempt, 30));
  return full / 2 + (full / 2) * random;
}

export interface RetryOptions {
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly signal?: AbortSignal;
  /** Called before each wait. Throwing ends the retries with that error. */
  readonly onFailure?: (error: unknown, attempt: number) => void;
}

/** Runs `task` until it succeeds, waiting between tries; ends only by success, by `onFailure` or by the signal. */
export async function retry<T>(task: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await task();
    } catch (error) {
      options.signal?.throwIfAborted();
      options.onFailure?.(error, attempt);
      const delayMs = backoffMs(attempt, options.backoff, options.clock.random());
      await sleepOn(options.clock, delayMs, options.signal);
    }
  }
}
