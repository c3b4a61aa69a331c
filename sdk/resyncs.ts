/** Asks for the snapshot again when a frame is missing: one request at a time, until a whole snapshot has come. */
import type { Clock } from './clock.ts';

export class Resyncs {
  readonly #clock: Clock;
  readonly #send: () => void;
  #sentAtMs: number | undefined;
  /** Something went missing after the request, maybe of the answer. */
  #again = false;

  constructor(clock: Clock, send: () => void) {
    this.#clock = clock;
    this.#send = send;
  }

  get isPending(): boolean {
    return this.#sentAtMs !== undefined;
  }

  request(): void {
    if (this.isPending) this.#again = true;
    else this.#ask();
  }

  /** A whole snapshot has come. */
  answered(): void {
    if (this.#again) this.#ask();
    else this.#sentAtMs = undefined;
  }

  /** Asks again what has not been answered for this long. */
  remind(afterMs: number): void {
    if (this.#clock.monotonic() - (this.#sentAtMs ?? Infinity) >= afterMs) this.#ask();
  }

  #ask(): void {
    this.#again = false;
    this.#sentAtMs = this.#clock.monotonic();
    this.#send();
  }
}
