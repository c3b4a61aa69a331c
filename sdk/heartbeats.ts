/** Signs of life of one connection, and whether they are answered. */
import type { Clock, Timer } from './clock.ts';

export interface HeartbeatsOptions {
  readonly clock: Clock;
  readonly send: () => void;
  /** Runs with every heartbeat. */
  readonly onTick: () => void;
  /** Nothing was heard for two intervals after a heartbeat: the connection is dead. */
  readonly onDead: () => void;
}

export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  #intervalMs = 0;
  #timer: Timer | undefined;
  /** When the next is due. */
  #nextMs = 0;
  /**
   * When the oldest heartbeat was sent that nothing was heard since. Counting from there, and not from what was heard
   * last, a timer that runs late (a tab in the background, a laptop that slept) is no reason to give up.
   */
  #unansweredSinceMs: number | undefined;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
  }

  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** The first one goes out at once. */
  start(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.beat();
  }

  /** One now; the next an interval later. */
  beat(): void {
    const { clock, send } = this.#options;
    if (this.#intervalMs === 0) return;
    const nowMs = clock.monotonic();
    this.#unansweredSinceMs ??= nowMs;
    this.#nextMs = nowMs + this.#intervalMs;
    send();
    this.#wait();
  }

  /**
   * Anything that comes is an answer. The timer is set again from here: browsers let a timer that was set by a timer
   * run only once a minute in a page that is hidden for long, and online lasts half of that.
   */
  heard(): void {
    if (this.#unansweredSinceMs === undefined) return;
    this.#unansweredSinceMs = undefined;
    this.#wait();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#intervalMs = 0;
  }

  #wait(): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    this.#timer = clock.after(this.#nextMs - clock.monotonic(), () => this.#tick());
  }

  #tick(): void {
    const { clock, onDead, onTick } = this.#options;
    const unansweredMs = clock.monotonic() - (this.#unansweredSinceMs ?? Infinity);
    if (unansweredMs >= 2 * this.#intervalMs) return onDead();
    onTick();
    this.beat();
  }
}
