/** Is anybody at the device? Idle when no sign of anybody came for a while. */
import type { Clock, Timer } from './clock.ts';
import type { Signal } from './signal.ts';

export interface ActivityOptions {
  readonly clock: Clock;
  /** Signs that somebody is there. Without any: active, until told otherwise. */
  readonly signs: Signal | undefined;
  /** No sign for this long means idle, ms. */
  readonly idleAfterMs: number;
  readonly onChange: () => void;
}

export class Activity {
  readonly #options: ActivityOptions;
  #isIdle = false;
  #lastSignMs = 0;
  #timer: Timer | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: ActivityOptions) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#isIdle;
  }

  start(): void {
    const { signs } = this.#options;
    if (!signs || this.#unsubscribe) return;
    this.#unsubscribe = signs(() => this.#sign());
    this.#sign();
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Said by the application. Idle holds until the next sign, or until said otherwise. */
  set(isIdle: boolean): void {
    if (!isIdle && this.#unsubscribe) this.#sign();
    else this.#enter(isIdle);
  }

  /** Comes with every move of the mouse, so it sets no timer if one runs. */
  #sign(): void {
    const { clock, idleAfterMs } = this.#options;
    this.#lastSignMs = clock.monotonic();
    this.#timer ??= clock.after(idleAfterMs, () => this.#look());
    this.#enter(false);
  }

  #look(): void {
    const { clock, idleAfterMs } = this.#options;
    const leftMs = this.#lastSignMs + idleAfterMs - clock.monotonic();
    this.#timer = leftMs > 0 ? clock.after(leftMs, () => this.#look()) : undefined;
    if (leftMs <= 0) this.#enter(true);
  }

  #enter(isIdle: boolean): void {
    if (this.#isIdle === isIdle) return;
    this.#isIdle = isIdle;
    this.#options.onChange();
  }
}
