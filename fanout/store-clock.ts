/** What the store's clock should say now, so that a step of it is noticed before it ends everyone's lease. */
import type { Clock } from '../lib/clock.ts';
import { timing } from '../store/timing.ts';

/** After a longer time without a sample nothing is expected: our own clock may have been stopped, ms. */
const GAP_MS = 500;

interface Sample {
  readonly storeMs: number;
  /** Monotonic, when the sample was asked for: the answer may have waited here for long. */
  readonly askedAtMs: number;
}

export interface StoreClock {
  /** Undefined when there is nothing to go by. */
  expectedNowMs(): number | undefined;
  /** @param askedAtMs monotonic, before the call that returned `storeMs`. */
  note(storeMs: number, askedAtMs: number): void;
  /** Whether more time has passed by the store's clock, up to an answer that came now, than can have by ours. */
  wasPutForward(storeMs: number): boolean;
  forget(): void;
}

export function createStoreClock(clock: Clock): StoreClock {
  let sample: Sample | undefined;
  return {
    expectedNowMs() {
      if (!sample) return undefined;
      const sinceMs = clock.monotonic() - sample.askedAtMs;
      return sinceMs > GAP_MS ? undefined : Math.round(sample.storeMs + sinceMs);
    },
    note(storeMs, askedAtMs) {
      sample = { storeMs, askedAtMs };
    },
    wasPutForward(storeMs) {
      if (!sample) return false;
      const atMostMs = clock.monotonic() - sample.askedAtMs;
      return storeMs - sample.storeMs > atMostMs + timing.clockStepMs;
    },
    forget() {
      sample = undefined;
    },
  };
}
