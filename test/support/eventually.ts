import { systemClock } from '../../lib/clock.ts';

export interface EventuallyOptions {
  /** Default 30,000: some machines are slow, and only a test that fails waits for so long. */
  readonly timeoutMs?: number;
  /** Default 10. */
  readonly intervalMs?: number;
}

/**
 * Runs `attempt` until it neither throws, rejects nor returns false, and returns what it returned; after `timeoutMs`
 * throws what the last attempt threw. Works with predicates and with `expect`.
 */
export async function eventually<T>(
  attempt: () => Promise<T> | T,
  { timeoutMs = 30_000, intervalMs = 10 }: EventuallyOptions = {},
): Promise<T> {
  const giveUpAt = systemClock.monotonic() + timeoutMs;
  for (;;) {
    const isLast = systemClock.monotonic() > giveUpAt;
    try {
      const result = await attempt();
      if (result !== false) return result;
      if (isLast) throw new Error(`still false after ${timeoutMs} ms: ${String(attempt)}`);
    } catch (error) {
      if (isLast) throw error;
    }
    await systemClock.sleep(intervalMs);
  }
}
