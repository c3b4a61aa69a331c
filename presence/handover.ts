/**
 * Hands items from one who gives to one who takes, one at a time: `give` resolves once the item was taken, so that the
 * giver goes no faster than the taker.
 */
export class Handover<T> implements AsyncIterable<T> {
  private offered: { readonly item: T; readonly taken: () => void }[] = [];
  private wake: () => void = () => undefined;
  private ended = false;
  private failure: Error | undefined;

  /** Ends when `signal` aborts. */
  constructor(signal: AbortSignal) {
    if (signal.aborted) this.end();
    else signal.addEventListener('abort', () => this.end(), { once: true });
  }

  give(item: T): Promise<void> {
    if (this.ended) return Promise.resolve();
    return new Promise((taken) => {
      this.offered.push({ item, taken });
      this.wake();
    });
  }

  /** The taker gets this error once what was given is taken. */
  fail(error: Error): void {
    this.failure = error;
    this.wake();
  }

  /** Nobody takes any more; givers are let go. */
  end(): void {
    this.ended = true;
    for (const { taken } of this.offered) taken();
    this.offered = [];
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    while (!this.ended) {
      const next = this.offered.shift();
      if (next) {
        try {
          yield next.item;
        } finally {
          // A taker that ends with this item, the giver must not wait for.
          next.taken();
        }
      } else if (this.failure) {
        throw this.failure;
      } else {
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    }
  }
}
