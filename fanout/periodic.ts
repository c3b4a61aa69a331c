import type { Clock } from '../lib/clock.ts';

/** Runs `task` now and every `intervalMs`, unless it is still under way. `task` must not reject. */
export function periodically(
  clock: Clock,
  intervalMs: number,
  task: () => Promise<void>,
): AsyncDisposable {
  let running: Promise<void> | undefined;
  const run = (): void => {
    running ??= task().finally(() => {
      running = undefined;
    });
  };
  const ticker = clock.every(intervalMs, run);
  run();
  return {
    async [Symbol.asyncDispose]() {
      ticker.cancel();
      await running;
    },
  };
}
