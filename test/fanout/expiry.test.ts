import { afterEach, expect, test } from '@jest/globals';
import { Cause } from '../../gen/presence/v1/transition.ts';
import { Status } from '../../gen/presence/v1/presence.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { eventually } from '../support/eventually.ts';
import { createRig, SHARDS, type Rig, type RigOptions } from './rig.ts';

let rig: Rig;
afterEach(async () => {
  await rig[Symbol.asyncDispose]();
});

async function start(options: RigOptions) {
  rig = await createRig(options);
  const gateway = await rig.gateway('gw-1');
  await rig.befriend('alice', 'bob');
  const worker = await rig.worker();
  await eventually(() => worker.readiness.isReady());
  return gateway;
}

const beat = async (store: PresenceStore, userId: string, sessionId: string) => {
  const beats = [{ userId, sessionId, ageMs: 0, epoch: 1 }];
  return store.beat(store.shardOf(userId), beats);
};

test('a lease that ends is told to friends, with its cause', async () => {
  const gateway = await start({ leaseTtlMs: 1000 });
  await rig.open('alice', 'gw-1', 'a');
  await rig.open('bob', 'gw-1', 'b');
  // The store's clock counts whole milliseconds.
  const earliestMs = Math.floor(systemClock.monotonic()) - 1 + 1000;
  await beat(rig.store, 'alice', 'a');
  await eventually(async () => {
    await beat(rig.store, 'bob', 'b');
    return gateway.seen('bob', 'alice')?.status === Status.STATUS_OFFLINE;
  });
  expect(systemClock.monotonic()).toBeGreaterThan(earliestMs); // bench/lateness says how much later
  await eventually(() => {
    const ofAlice = rig.transitions.filter(({ userId }) => userId === 'alice');
    expect(ofAlice.at(-1)?.cause).toBe(Cause.CAUSE_EXPIRED);
  });
});

test('a thousand leases that end at once are all told', async () => {
  await start({ leaseTtlMs: 500 });
  const users = Array.from({ length: 1000 }, (_, i) => `user-${i}`);
  for (const user of users) await rig.open(user, 'gw-1');
  await eventually(() => {
    const gone = rig.transitions.filter(({ status }) => status === Status.STATUS_OFFLINE);
    expect(new Set(gone.map(({ userId }) => userId)).size).toBe(users.length);
  });
});

/** A store whose clock can be set. */
function steppable() {
  let stepMs = 0;
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + stepMs };
  const store = createMemoryPresenceStore({
    ...{ shardCount: SHARDS, leaseTtlMs: 2000, holdMs: 200, clock },
  });
  return {
    store,
    step: (ms: number) => {
      stepMs += ms;
    },
  };
}

test.each([60_000, -60_000])('a step of the store’s clock by %d ms ends no lease', async (ms) => {
  const { store, step } = steppable();
  await start({ store });
  await rig.open('alice', 'gw-1', 'a');
  await eventually(() => rig.transitions.length === 1);
  const shard = store.shardOf('alice');
  step(ms);
  await eventually(async () => (await store.lookup(shard, [])).floor > 0);
  await rig.open('alice', 'gw-1', 'a'); // as its gateway does when it sees the floor rise
  await eventually(async () => (await store.lookup(shard, [])).holdMs === 0);
  await rig.choose('alice', 'BUSY');
  await eventually(() => rig.transitions.at(-1)?.status === Status.STATUS_BUSY);
  expect(rig.transitions.some(({ status }) => status === Status.STATUS_OFFLINE)).toBe(false);
});

test('a user whose key expired unknown to the index is looked at on a hint', async () => {
  const looked: string[] = [];
  const { store } = steppable();
  const spying: PresenceStore = {
    ...store,
    look: (shard, userIds) => {
      looked.push(...userIds);
      return store.look(shard, userIds);
    },
    listen: async (listener) => {
      listener.onExpired?.('ghost');
      const ring = systemClock.every(5, () => listener.onExpired?.('ghost'));
      const inner = await store.listen(listener);
      return {
        [Symbol.asyncDispose]: async () => {
          ring.cancel();
          await inner[Symbol.asyncDispose]();
        },
      };
    },
  };
  const startedAtMs = systemClock.monotonic();
  await start({ store: spying });
  await eventually(() => looked.includes('ghost'));
  await rig.open('alice', 'gw-1');
  await eventually(() => rig.transitions.length === 1);
  // At most once a second, however often it is hinted at.
  const looks = looked.filter((userId) => userId === 'ghost').length;
  expect(looks).toBeLessThanOrEqual(2 + (systemClock.monotonic() - startedAtMs) / 1000);
});
