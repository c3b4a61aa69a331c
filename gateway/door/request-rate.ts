/** A limit on requests a second of each user: those that come by HTTP, and those that are to become a WebSocket. */
import type { Clock } from '../../lib/clock.ts';
import { countFrame, verdictOn, type RateLimit } from './frame-rate.ts';

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
    const nowMs = this.#clock.monotonic();
    const paidUntilMs = countFrame(this.#paidUntilMs.get(userId) ?? 0, nowMs, this.limit);
    if (verdictOn(paidUntilMs, nowMs, this.limit) !== 'ok') return false;
    this.#paidUntilMs.set(userId, paidUntilMs);
    if (this.#paidUntilMs.size >= this.#forgetAt) this.#forget(nowMs);
    return true;
  }

  #forget(nowMs: number): void {
    for (const [userId, paidUntilMs] of this.#paidUntilMs) {
      if (paidUntilMs <= nowMs) this.#paidUntilMs.delete(userId);
    }
    this.#forgetAt = FORGET_AT + 2 * this.#paidUntilMs.size;
  }
}
