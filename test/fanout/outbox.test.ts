import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Dispatch } from '../../fanout/dispatcher.ts';
import { createFanoutEvents } from '../../fanout/events.ts';
import { ShardOutbox } from '../../fanout/outbox.ts';
import { createUpstream } from '../../fanout/upstream.ts';
import { createReadiness } from '../../lib/readiness.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { logger, opened } from './rig.ts';

let clock: ManualClock;
let store: PresenceStore;

beforeEach(() => {
  clock = createManualClock();
  store = createMemoryPresenceStore({ clock, shardCount: 1, leaseTtlMs: 60_000 });
});
afterEach(async () => store[Symbol.asyncDispose]());

function outboxWith(dispatch: Dispatch) {
  const readiness = createReadiness([]);
  return new ShardOutbox({
    ...{ shard: 0, store, clock, dispatch, capacity: { free: 100 } },
    ...{ events: createFanoutEvents(logger), signal: new AbortController().signal },
    redis: createUpstream({ name: 'redis', readiness, logger }),
  });
}

/** @returns whether there is a reason to sweep again at once. */
async function sweep(outbox: ShardOutbox): Promise<boolean> {
  const owner = { shard: 0, owner: 'worker', ownerTtlMs: 10_000, limit: 10 };
  const reply = await store.sweep({ ...owner, ...outbox.window() });
  if (!reply.owned) throw new Error('not owned');
  outbox.take(reply.outbox);
  await outbox.idle();
  return outbox.isBehind(reply.outboxLength);
}

test('an entry whose delivery broke is no reason to sweep at once, and is delivered at the next reading', async () => {
  const dispatched: string[] = [];
  let isBroken = true;
  const outbox = outboxWith(({ entry }) => {
    dispatched.push(entry.settled.userId);
    return isBroken ? Promise.reject(new Error('broken')) : Promise.resolve();
  });
  await store.change(opened('alice', 'gateway', 's1'));
  await sweep(outbox);
  expect(await sweep(outbox)).toBe(false);
  expect(dispatched).toEqual(['alice']);
  isBroken = false;
  await store.change(opened('bob', 'gateway', 's2'));
  await sweep(outbox);
  expect(dispatched).toEqual(['alice', 'bob']);
  clock.advance(1001);
  await sweep(outbox);
  expect(dispatched).toEqual(['alice', 'bob', 'alice']);
  expect(await sweep(outbox)).toBe(false);
  expect(await store.inspectShard(0)).toMatchObject({ outboxLength: 0 });
});

test('entries beyond what a sweep returns are a reason to sweep at once', async () => {
  const outbox = outboxWith(() => Promise.resolve());
  for (let i = 0; i < 200; i++) await store.change(opened(`user-${i}`, 'gateway', `s${i}`));
  expect(await sweep(outbox)).toBe(true);
  await sweep(outbox);
  expect(await sweep(outbox)).toBe(false);
});
