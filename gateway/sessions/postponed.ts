/** A task to be done some time from now: asked for twice, it is done once, at the later time. */
import type { Clock, Timer } from '../../lib/clock.ts';

export class Postponed {
  readonly #clock: Clock;
  readonly #jitterMs: number;
  readonly #task: () => void;
  #timer: Timer | undefined;
  #dueMs = -Infinity;

  /** Everyone who asks at the same moment gets their turn at another one within `jitterMs`. */
  constructor(clock: Clock, jitterMs: number, task: () => void) {
    this.#clock = clock;
    this.#jitterMs = jitterMs;
    this.#task = task;
  }

  /** Not before `delayMs` from now. */
  ask(delayMs: number): void {
    const nowMs = this.#clock.monotonic();
    if (this.#timer && this.#dueMs >= nowMs + delayMs) return;
    this.#timer?.cancel();
    const inMs = delayMs + this.#clock.random() * this.#jitterMs;
    this.#dueMs = nowMs + inMs;
    this.#timer = this.#clock.after(inMs, () => {
      this.#timer = undefined;
      this.#task();
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
