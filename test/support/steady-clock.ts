/**
 * A clock that goes on with the event loop: about as fast as time, but while this process is kept from running it
 * stands. No lease of what lives in the process ends because the machine was busy.
 */
import { systemClock, type Clock } from '../../lib/clock.ts';
import { createManualClock } from './manual-clock.ts';

export interface SteadyClock extends Clock, Disposable {}

const STEP_MS = 5;

/** To be disposed after everything that waits by it. */
export function createSteadyClock(): SteadyClock {
  const clock = createManualClock(systemClock.now());
  const turns = systemClock.every(STEP_MS, () => clock.advance(STEP_MS));
  const { random, uuid } = systemClock;
  return { ...clock, random, uuid, [Symbol.dispose]: () => turns.cancel() };
}
