/** Leaving without being missed: clients are asked to go elsewhere, each at its own moment, and given time to. */
import type { Clock } from '../lib/clock.ts';
import { CLOSE } from './protocol/close-codes.ts';
import type { Heartbeats } from './heartbeats/heartbeats.ts';
import type { Hub } from './sessions/hub.ts';

export interface DrainOptions {
  readonly hub: Hub;
  readonly heartbeats: Heartbeats;
  readonly clock: Clock;
  /** Time for clients to leave, ms. */
  readonly withinMs: number;
}

/** Clients are asked to be gone a little before the end. */
const SPREAD = 0.8;
const POLL_MS = 20;

/** No lease is shortened: the last heartbeats are passed on, and the sessions run to their deadlines. */
export async function drain({ hub, heartbeats, clock, withinMs }: DrainOptions): Promise<void> {
  const endAtMs = clock.monotonic() + withinMs;
  await heartbeats.flushAll();
  hub.forEach((session) => session.goAway(clock.random() * SPREAD * withinMs));
  while (hub.size > 0 && clock.monotonic() < endAtMs) await clock.sleep(POLL_MS);
  await heartbeats.flushAll();
  hub.forEach((session) => session.abandon(CLOSE.goingAway));
}
