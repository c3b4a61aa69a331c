/**
 * How far a follower's place has moved on without a response: who is told nothing for long would resume far behind,
 * and in the end from before the oldest that Kafka holds.
 */
import type { Clock, Timer } from '../lib/clock.ts';

/** A fraction of what a partition of the in-process bus holds, about 8,000; a resumed stream reads as many again. */
export const MAX_SILENT_STEPS = 1000;
/** Kafka holds hours. A timer, since nothing may come for as long. */
export const MAX_SILENT_MS = 30_000;

export class Silence implements Disposable {
  readonly #clock: Clock;
  readonly #onLong: () => void;
  #steps = 0;
  #timer: Timer | undefined;

  /** @param onLong the first step since the last response was MAX_SILENT_MS ago */
  constructor(clock: Clock, onLong: () => void) {
    this.#clock = clock;
    this.#onLong = onLong;
  }

  /** The place moved. True once it did so often enough. */
  step(): boolean {
    this.#timer ??= this.#clock.after(MAX_SILENT_MS, this.#onLong);
    return ++this.#steps >= MAX_SILENT_STEPS;
  }

  /** A response is sent: its cursor has the place. */
  broken(): void {
    this.#steps = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  [Symbol.dispose](): void {
    this.broken();
  }
}
