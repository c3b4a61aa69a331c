/** A clock that stands until it is moved. */
import { sleepOn, type Clock } from '../../lib/clock.ts';

export interface ManualClock extends Clock {
  /** Moves time on, running what is due on the way, in order. */
  advance(ms: number): void;
}

interface Scheduled {
  readonly atMs: number;
  readonly task: () => void;
}

export function createManualClock(startMs = 1_000_000): ManualClock {
  const scheduled = new Set<Scheduled>();
  let nowMs = startMs;
  let ids = 0;
  const next = (untilMs: number): Scheduled | undefined =>
    [...scheduled].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
  const clock: ManualClock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    after(delayMs, task) {
      const entry = { atMs: nowMs + delayMs, task };
      scheduled.add(entry);
      return { cancel: () => void scheduled.delete(entry) };
    },
    every(intervalMs, task) {
      let timer = clock.after(intervalMs, function run() {
        timer = clock.after(intervalMs, run);
        task();
      });
      return { cancel: () => timer.cancel() };
    },
    sleep: (delayMs, signal) => sleepOn(clock, delayMs, signal),
    random: () => 0.5,
    uuid: () => `00000000-0000-4000-8000-${String(ids++).padStart(12, '0')}`,
    advance(ms) {
      const untilMs = nowMs + ms;
      for (let due = next(untilMs); due; due = next(untilMs)) {
        scheduled.delete(due);
        nowMs = Math.max(nowMs, due.atMs);
        due.task();
      }
      nowMs = untilMs;
    },
  };
  return clock;
}
