/** Runs at most so many tasks at a time, the others in the order they came. */
export interface Limiter {
  run<T>(task: () => Promise<T>): Promise<T>;
}

/** Without a limit, thousands of sessions that open at once would queue calls until every one of them timed out. */
export function createLimiter(max: number): Limiter {
  const waiting: (() => void)[] = [];
  let running = 0;
  let head = 0;
  const enter = (): Promise<void> | undefined => {
    if (running < max) {
      running++;
      return undefined;
    }
    return new Promise((resolve) => waiting.push(resolve));
  };
  /** Hands its place to the next one. */
  const leave = (): void => {
    const next = waiting[head++];
    if (next) return next();
    running--;
    waiting.length = 0;
    head = 0;
  };
  return {
    async run(task) {
      await enter();
      try {
        return await task();
      } finally {
        leave();
      }
    },
  };
}
