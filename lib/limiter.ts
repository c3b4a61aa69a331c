/** Runs at most so many tasks at a time, the others in the order they came. */
export type Limiter = <T>(task: () => Promise<T>) => Promise<T>;

/** Without a limit, thousands of calls made at once would queue until every one of them timed out. */
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
  /** Hands its place to the next one without ever freeing it, so that nobody slips in between. */
  const leave = (): void => {
    const next = waiting[head++];
    if (next) return next();
    running--;
    waiting.length = 0;
    head = 0;
  };
  return async (task) => {
    await enter();
    try {
      return await task();
    } finally {
      leave();
    }
  };
}
