/**
 * The one port for time, timers and randomness. Everything takes a Clock, so that a simulator can own all three;
 * lint forbids Date.now, performance.now, setTimeout, setInterval and Math.random everywhere else.
 */
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';

export interface Timer {
  /** Idempotent. */
  cancel(): void;
}

export interface Clock {
  /** Wall clock, ms since the epoch. May step; never use it to measure a span. */
  now(): number;
  /** Monotonic, ms with fractions, from an arbitrary start. */
  monotonic(): number;
  /** Runs `task` once after `delayMs`. The timer keeps the process alive until it ran or was cancelled. */
  after(delayMs: number, task: () => void): Timer;
  /** Runs `task` every `intervalMs` until cancelled. */
  every(intervalMs: number, task: () => void): Timer;
  /** Resolves after `delayMs`, or rejects with the signal's reason as soon as `signal` aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Uniform in [0, 1). */
  random(): number;
  /** A random UUID. */
  uuid(): string;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  every: (intervalMs, task) => {
    const timer = setInterval(task, intervalMs);
    return { cancel: () => clearInterval(timer) };
  },
  sleep: (delayMs, signal) => sleepOn(systemClock, delayMs, signal),
  random: () => Math.random(),
  uuid: () => randomUUID(),
};

/** Sleep in terms of `clock.after`, for every Clock to use. */
export function sleepOn(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
