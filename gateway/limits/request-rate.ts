/** A limit on what each user may ask for: requests by HTTP, those that are to become a WebSocket too, and views. */
import type { Clock } from '../../lib/clock.ts';
import { countFrame, excessMs, type RateLimit } from './frame-rate.ts';

/** Users kept in mind before those are looked for who have been quiet. */
const FORGET_AT = 1000;

export class RequestRate {
  readonly limit: RateLimit;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #paidUntilMs = new Map<string, number>();
  #forgetAt = FORGET_AT;

  constructor(limit: RateLimit, clock: Pick<Clock, 'monotonic'>) {
    this.limit = limit;
    this.#clock = clock;
  }

  /** False: one too many, which is not counted. */
  allows(userId: string): boolean {
    if (this.waitMs(userId) > 0) return false;
    this.count(userId);
    return true;
  }

  /** In how long one more is allowed, ms. */
  waitMs(userId: string): number {
    const nowMs = this.#clock.monotonic();
    return excessMs(this.#withOneMore(userId, nowMs), nowMs, this.limit);
  }

  count(userId: string): void {
    const nowMs = this.#clock.monotonic();
    this.#paidUntilMs.set(userId, this.#withOneMore(userId, nowMs));
    if (this.#paidUntilMs.size >= this.#forgetAt) this.#forget(nowMs);
  }

  #withOneMore(userId: string, nowMs: number): number {
    return countFrame(this.#paidUntilMs.get(userId) ?? 0, nowMs, this.limit);
  }

  #forget(nowMs: number): void {
    for (const [userId, paidUntilMs] of this.#paidUntilMs) {
      if (paidUntilMs <= nowMs) this.#paidUntilMs.delete(userId);
    }
    this.#forgetAt = FORGET_AT + 2 * this.#paidUntilMs.size;
  }
}
