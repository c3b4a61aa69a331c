/** Runs at most so many tasks at a time, the others in the order they came. */
export type Limiter = <T>(task: () => Promise<T>) => Promise<T>;

/** A list, so that nothing is kept of those who have had their turn, though the queue may never be empty. */
interface Waiter {
  readonly go: () => void;
  next: Waiter | undefined;
}

/** Without a limit, thousands of calls made at once would queue until every one of them timed out. */
export function createLimiter(max: number): Limiter {
  let first: Waiter | undefined;
  let last: Waiter | undefined;
  let running = 0;
  const wait = (go: () => void): void => {
    const waiter = { go, next: undefined };
    if (last) last.next = waiter;
    else first = waiter;
    last = waiter;
  };
  const enter = (): Promise<void> | undefined => {
    if (running >= max) return new Promise(wait);
    running++;
    return undefined;
  };
  /** Hands its place to the next one without ever freeing it, so that nobody slips in between. */
  const leave = (): void => {
    const next = first;
    if (!next) {
      running--;
      return;
    }
    first = next.next;
    if (!first) last = undefined;
    next.go();
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
