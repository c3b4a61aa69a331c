/**
 * When a process that was asked something counts as hung. Anything it says ends its silence, a late answer too.
 *
 * Silence is counted in ticks of whoever asked: however long the asker itself stands still, that is one tick, and makes
 * nobody look silent.
 */
export interface Silence {
  /** Ticks since it was heard, or since it is awaited. */
  readonly ticks: number;
  /** Calls are to pass it over. Only hearing it ends that: a process that hangs has no other way to show it is well. */
  readonly isHung: boolean;
}

export const HEARD: Silence = { ticks: 0, isHung: false };

export const TICK_MS = 50;
/** Who is silent for so long is asked whether it lives: what it was asked before may just take long. */
const PROBE_AFTER_TICKS = 2;
/** Who has not answered that either hangs. */
const HUNG_AFTER_TICKS = 5;
/** Who hangs is asked again at intervals, whether it came back. */
const PROBE_EVERY_TICKS = 20;

/** @param isAwaited something it was asked is not answered. */
export function afterTick({ ticks, isHung }: Silence, isAwaited: boolean): Silence {
  if (!isAwaited && !isHung) return HEARD;
  return { ticks: ticks + 1, isHung: isHung || ticks + 1 >= HUNG_AFTER_TICKS };
}

export function isToBeProbed({ ticks, isHung }: Silence): boolean {
  return ticks === PROBE_AFTER_TICKS || (isHung && ticks % PROBE_EVERY_TICKS === 0);
}

/** From one probe of a process that hangs to the next, ms. */
export const PROBE_MS = PROBE_EVERY_TICKS * TICK_MS;
