/** Runs at most so many tasks at a time, the others in the order they came. */
export type Limiter = <T>(task: () => Promise<T>) => Promise<T>;

/** The same for many parties: those that wait take turns, and each party's tasks run in the order they came. */
export type FairTurns = <T>(party: string, task: () => Promise<T>) => Promise<T>;

/** Without a limit, thousands of calls made at once would queue until every one of them timed out. */
export function createLimiter(max: number): Limiter {
  const inTurn = createFairTurns(max);
  return (task) => inTurn('', task);
}

export function createFairTurns(max: number): FairTurns {
  /** Of the parties that wait, in the order of their turns. */
  const lines = new Map<string, Line>();
  let running = 0;
  const enter = (party: string): Promise<void> | undefined => {
    if (running < max) {
      running++;
      return undefined;
    }
    const line = lines.get(party) ?? new Line();
    lines.set(party, line);
    return new Promise((go) => line.add(go));
  };
  /** Hands its place to the next one without ever freeing it, so that nobody slips in between. */
  const leave = (): void => {
    for (const [party, line] of lines) {
      lines.delete(party);
      const go = line.take();
      if (!line.isEmpty) lines.set(party, line);
      go?.();
      return;
    }
    running--;
  };
  return async (party, task) => {
    await enter(party);
    try {
      return await task();
    } finally {
      leave();
    }
  };
}

/** A list, so that nothing is kept of those who have had their turn, though the queue may never be empty. */
interface Waiter {
  readonly go: () => void;
  next: Waiter | undefined;
}

class Line {
  #first: Waiter | undefined;
  #last: Waiter | undefined;

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  add(go: () => void): void {
    const waiter = { go, next: undefined };
    if (this.#last) this.#last.next = waiter;
    else this.#first = waiter;
    this.#last = waiter;
  }

  take(): (() => void) | undefined {
    const waiter = this.#first;
    this.#first = waiter?.next;
    if (!this.#first) this.#last = undefined;
    return waiter?.go;
  }
}
