/** Listeners by event. One that throws harms neither the others nor the connection. */

type Listener<T> = (value: T) => void;

export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** @returns a function that ends it */
  on<K extends keyof Events>(event: K, listener: Listener<Events[K]>): () => void {
    // A wrapper of its own: the same listener added twice is called twice, and each is ended by itself.
    const entry: Listener<Events[K]> = (value) => listener(value);
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(entry));
    return () => {
      listeners.delete(entry);
      if (listeners.size === 0) this.#listeners.delete(event);
    };
  }

  emit<K extends keyof Events>(event: K, value: Events[K]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      guarded(() => (listener as Listener<Events[K]>)(value));
    }
  }
}

/** What a listener throws is reported as uncaught, after what is under way is done. */
export function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
