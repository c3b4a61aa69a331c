/** A limit on frames a second that allows bursts. */
export interface RateLimit {
  readonly perSecond: number;
  /** Frames that may come at once after a pause. */
  readonly burst: number;
}

/** `over`: not to be acted upon; `flood`: a whole burst over, time to close. */
export type Verdict = 'ok' | 'over' | 'flood';

/** Goes into debt for frames over the limit, so that a client that goes on in spite of it is seen. */
export class TokenBucket {
  readonly #limit: RateLimit;
  #tokens: number;
  #refilledAtMs: number;

  constructor(limit: RateLimit, nowMs: number) {
    this.#limit = limit;
    this.#tokens = limit.burst;
    this.#refilledAtMs = nowMs;
  }

  take(nowMs: number): Verdict {
    const { burst, perSecond } = this.#limit;
    const refilled = this.#tokens + ((nowMs - this.#refilledAtMs) * perSecond) / 1000;
    this.#tokens = (refilled < burst ? refilled : burst) - 1;
    this.#refilledAtMs = nowMs;
    if (this.#tokens >= 0) return 'ok';
    return this.#tokens > -burst ? 'over' : 'flood';
  }
}
