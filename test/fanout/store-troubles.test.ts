/** A store that answers late, whose clock is set, or in which somebody's data are damaged. */
import { afterEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { systemClock as clock } from '../../lib/clock.ts';
import { Status } from '../../gen/presence/v1/presence.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { shardKeys } from '../../store/keys.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { createRedisPresenceStore } from '../../store/redis-presence-store.ts';
import { eventually } from '../support/eventually.ts';
import { open, PATIENT, settledOf, untilNoHold } from '../support/presence-store.ts';
import { startRedis } from '../support/redis.ts';
import { createSteadyClock } from '../support/steady-clock.ts';
import { createRig, SHARDS } from './rig.ts';

const LEASE_MS = 1_000;

let disposer: Disposer = createDisposer();
afterEach(async () => {
  await disposer[Symbol.asyncDispose]();
  disposer = createDisposer();
});

const floorsOf = async (store: PresenceStore) => {
  const shards = Array.from({ length: SHARDS }, (_, shard) => shard);
  const states = await Promise.all(shards.map((shard) => store.lookup(shard, [])));
  return states.map(({ floor }) => floor);
};

const whenOffline = (store: PresenceStore, userId: string) =>
  eventually(async () => (await settledOf(store, userId)).status === 'OFFLINE');

test('a store that stood still for longer than a step of its clock is not fenced', async () => {
  const rig = disposer.add(await createRig({ leaseTtlMs: LEASE_MS }));
  const { store } = rig;
  const stall = { until: Promise.resolve(), sweeps: 0 };
  const stalling: PresenceStore = {
    ...store,
    sweep: async (request) => {
      stall.sweeps++;
      await stall.until;
      return store.sweep(request);
    },
  };
  await rig.worker({ store: stalling });
  await rig.open('ann', 'gw');
  await whenOffline(store, 'ann');
  const before = await floorsOf(store);

  await rig.open('ben', 'gw');
  const sweepsBefore = stall.sweeps;
  let goOn = (): void => undefined;
  stall.until = new Promise((resolve) => (goOn = resolve));
  disposer.defer(() => goOn());
  await eventually(() => stall.sweeps >= sweepsBefore + SHARDS);
  // Longer than a step of the clock, and than ben's lease.
  await clock.sleep(1_500);
  stall.until = Promise.resolve();
  goOn();
  await whenOffline(store, 'ben');
  expect(await floorsOf(store)).toEqual(before);
});

test('a clock that was put forward is a fence, and nobody lapses by it', async () => {
  const steady = createSteadyClock();
  disposer.defer(() => steady[Symbol.dispose]());
  let aheadMs = 0;
  const storeClock = { ...steady, now: () => steady.now() + aheadMs };
  const store = createMemoryPresenceStore({
    ...{ shardCount: SHARDS, leaseTtlMs: 60_000, clock: storeClock },
  });
  const rig = disposer.add(await createRig({ store, clock: steady }));
  await rig.worker();
  const shard = store.shardOf('ann');
  await eventually(async () => (await store.inspectShard(shard)).owner !== undefined);
  await store.change(open('ann'));
  const { floor } = await store.lookup(shard, []);
  aheadMs += 3_600_000;
  await eventually(async () => (await store.lookup(shard, [])).floor > floor);
  await store.beat(shard, [{ userId: 'ann', sessionId: 'ann/1', ageMs: 0, epoch: 0 }]);
  await untilNoHold(store);
  expect((await settledOf(store, 'ann')).status).toBe('ONLINE');
});

test('damaged data of one user delay the end of nobody else in the shard', async () => {
  const redis = disposer.add(await startRedis());
  const told: string[] = [];
  const store = createRedisPresenceStore({
    ...{ urls: [redis.url], shardCount: 1, leaseTtlMs: LEASE_MS, holdMs: 100, clock, ...PATIENT },
    onDamage: (userId) => void told.push(userId),
  });
  const rig = disposer.add(await createRig({ store }));
  await store.change(open('ann', { ageMs: -1 }));
  const admin = new Redis(redis.url);
  disposer.defer(() => admin.disconnect());
  await admin.set(shardKeys(1)[0]!.state('ann'), 'no hash');
  await store.change(open('ben'));
  await rig.worker();
  await whenOffline(store, 'ben');
  await whenOffline(store, 'ann');
  expect(told).toContain('ann');
  await eventually(() => {
    const ended = rig.transitions.filter(({ status }) => status === Status.STATUS_OFFLINE);
    expect(ended.map(({ userId }) => userId).sort()).toEqual(['ann', 'ben']);
  });
});
