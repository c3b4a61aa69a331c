/** A mesh whose time, timers and randomness the test owns, so that two runs of one script give the same bytes. */
import { systemClock, type Clock } from '../../lib/clock.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import type { InProcessMesh } from '../gateway/in-process-mesh.ts';
import { createManualClock } from './manual-clock.ts';

export interface OwnedTime {
  readonly clock: Clock;
  /** Ids given out from now on are those of this actor's doing: what others do does not use them up. */
  actAs(actor: string): void;
  advance(ms: number): void;
  /** Steps on to that time after the start, and lets the caller wait after each. */
  until(afterMs: number): Iterable<number>;
}

/** Longer steps would let leases of the parts end between two renewals, ms. */
export const STEP_MS = 400;

/** 2001-09-09T01:46:40Z, so that times are told as ever. */
const START_MS = 1_000_000_000_000;

/** @param random the clock's; it stands at a half when absent. */
export function createOwnedTime(random?: () => number): OwnedTime {
  const clock = createManualClock(START_MS);
  let actor = 0;
  const actors = new Map<string, number>();
  const given: number[] = [];
  return {
    clock: {
      ...clock,
      ...(random && { random }),
      sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
      uuid: () => {
        const count = (given[actor] = (given[actor] ?? 0) + 1);
        return `00000000-0000-4000-8000-${pad(actor, 4)}${pad(count, 8)}`;
      },
    },
    actAs(name) {
      if (!actors.has(name)) actors.set(name, actors.size + 1);
      actor = actors.get(name) ?? 0;
    },
    advance: (ms) => clock.advance(ms),
    *until(afterMs) {
      for (let leftMs = START_MS + afterMs - clock.now(); leftMs > 0; leftMs -= STEP_MS) {
        clock.advance(Math.min(leftMs, STEP_MS));
        yield leftMs;
      }
    },
  };
}

const pad = (value: number, length: number): string => String(value).padStart(length, '0');

/** Counts what the parts do with the store by something's doing; what they do as time goes by is not among it. */
export function countCalls(store: PresenceStore, count: () => void): PresenceStore {
  const counted = <Args extends unknown[], Result>(call: (...args: Args) => Result) => {
    return (...args: Args): Result => {
      count();
      return call(...args);
    };
  };
  const { change, beat, lookup, look, ack, routes, inspect } = store;
  return {
    ...store,
    ...{ change: counted(change), beat: counted(beat), look: counted(look), ack: counted(ack) },
    ...{ routes: counted(routes), inspect: counted(inspect) },
    lookup: (shard, userIds) => {
      // Presence asks every shard how it is, all the time.
      if (userIds.length > 0) count();
      return lookup(shard, userIds);
    },
  };
}

/** While something closes that waits for time to pass. */
export async function whileTimePasses<T>(time: OwnedTime, task: () => Promise<T>): Promise<T> {
  const passing = systemClock.every(1, () => time.advance(100));
  try {
    return await task();
  } finally {
    passing.cancel();
  }
}

export interface Quiet {
  readonly mesh: InProcessMesh;
  readonly sockets: Iterable<{ roundTrip(): Promise<void> }>;
  /** Counts all that happens. */
  readonly seen: () => number;
}

/** Rounds without any event that say that nothing is under way: what is, moves on at least one step in a round. */
const QUIET_ROUNDS = 2;

/**
 * A message on its way is overtaken by none that is sent later on the same connection. So who has waited for an answer
 * on each of them, some times, and seen nothing happen meanwhile, has seen all that came of what was done.
 */
export async function untilQuiet({ mesh, sockets, seen }: Quiet): Promise<void> {
  for (let quiet = 0, before = seen(); quiet < QUIET_ROUNDS; quiet++) {
    await Promise.all([...sockets].map((socket) => socket.roundTrip()));
    await mesh.graph.unary((client) => client.filterVisible, PROBE);
    // It may fail where the test lets the store fail: an answer that is.
    await mesh.registry.unary((client) => client.listGateways, {}).catch(() => undefined);
    await new Promise(setImmediate);
    if (seen() !== before) quiet = -1;
    before = seen();
  }
}

const PROBE = { viewerUserId: 'nobody', userIds: ['nobody'] };
