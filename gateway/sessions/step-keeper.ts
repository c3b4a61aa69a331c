/** Keeps a session in step with the store: does what is needed, one thing at a time, until it has succeeded. */
import type { Clock, Timer } from '../../lib/clock.ts';
import { backoffMs } from '../../lib/retry.ts';

/** What is to be done before the view is right again. A registration leads to a snapshot. */
export const Need = { nothing: 0, snapshot: 1, registration: 2 } as const;
export type Need = (typeof Need)[keyof typeof Need];

export interface StepKeeperOptions {
  readonly clock: Clock;
  /** Registers the session; when that succeeds, it requires the snapshot. */
  readonly register: () => Promise<void>;
  readonly snapshot: () => Promise<void>;
  readonly onFailure: (error: unknown) => void;
}

const BACKOFF = { baseMs: 50, maxMs: 1000 };

export class StepKeeper {
  readonly #options: StepKeeperOptions;
  #need: Need = Need.nothing;
  /** True in the pauses between tries too. */
  #isBusy = false;
  #isStopped = false;
  #failures = 0;
  #retry: Timer | undefined;

  constructor(options: StepKeeperOptions) {
    this.#options = options;
  }

  require(need: Need): void {
    if (need > this.#need) this.#need = need;
    if (!this.#isBusy && !this.#isStopped) void this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    this.#need = Need.nothing;
    this.#retry?.cancel();
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    while (this.#need !== Need.nothing) {
      const need = this.#need;
      this.#need = Need.nothing;
      try {
        await this.#satisfy(need);
        this.#failures = 0;
      } catch (error) {
        this.#tryLater(need, error);
        return;
      }
    }
    this.#isBusy = false;
  }

  #satisfy(need: Need): Promise<void> {
    return need === Need.registration ? this.#options.register() : this.#options.snapshot();
  }

  #tryLater(need: Need, error: unknown): void {
    if (this.#isStopped) return;
    const { clock, onFailure } = this.#options;
    if (need > this.#need) this.#need = need;
    onFailure(error);
    const delayMs = backoffMs(this.#failures++, BACKOFF, clock.random());
    this.#retry = clock.after(delayMs, () => void this.#run());
  }
}
