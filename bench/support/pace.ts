import type { Clock, Timer } from '../../lib/clock.ts';

const TICK_MS = 2;

/**
 * Runs `task` `perSecond` times a second, evenly, whatever the timer's jitter: what is due is counted from the start.
 * Open loop: it does not wait for the answer, as users do not.
 */
export function pace(clock: Clock, perSecond: number, task: () => void): Timer {
  const startedAt = clock.monotonic();
  let done = 0;
  return clock.every(TICK_MS, () => {
    const due = Math.floor(((clock.monotonic() - startedAt) / 1000) * perSecond);
    for (; done < due; done++) task();
  });
}
