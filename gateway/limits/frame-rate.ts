/** A limit on frames a second that allows bursts, in one number a connection: the time the frames so far last for. */

export interface RateLimit {
  readonly perSecond: number;
  /** Frames that may come at once after a pause. */
  readonly burst: number;
}

/** `over`: not to be acted upon; `flood`: a whole burst over, time to close. */
export type Verdict = 'ok' | 'over' | 'flood';

/** Counts one more frame. Those over the limit count too, so that a client that goes on in spite of it is seen. */
export function countFrame(paidUntilMs: number, nowMs: number, { perSecond }: RateLimit): number {
  return (paidUntilMs > nowMs ? paidUntilMs : nowMs) + 1000 / perSecond;
}

export function verdictOn(paidUntilMs: number, nowMs: number, limit: RateLimit): Verdict {
  const frames = ((paidUntilMs - nowMs) * limit.perSecond) / 1000;
  if (frames <= limit.burst) return 'ok';
  return frames < 2 * limit.burst ? 'over' : 'flood';
}

/** In how long the frames so far are within the limit, ms. */
export function excessMs(
  paidUntilMs: number,
  nowMs: number,
  { perSecond, burst }: RateLimit,
): number {
  return Math.max(0, paidUntilMs - nowMs - (burst * 1000) / perSecond);
}
