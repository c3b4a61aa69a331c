import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Cause } from '../../gen/presence/v1/transition.ts';
import { Status } from '../../gen/presence/v1/presence.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { eventually } from '../support/eventually.ts';
import { createSteadyClock, type SteadyClock } from '../support/steady-clock.ts';
import { createRig, SHARDS, type Rig, type RigOptions } from './rig.ts';

const PATIENCE = { timeoutMs: 60_000 };

let clock: SteadyClock;
let rig: Rig;
beforeEach(() => {
  clock = createSteadyClock();
});
afterEach(async () => {
  await rig[Symbol.asyncDispose]();
  clock[Symbol.dispose]();
});

async function start(options: RigOptions) {
  rig = await createRig({ ...options, clock });
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
  const deadlineMs = clock.now() + 1000;
  await beat(rig.store, 'alice', 'a');
  await eventually(async () => {
    await beat(rig.store, 'bob', 'b');
    return gateway.seen('bob', 'alice')?.status === Status.STATUS_OFFLINE;
  });
  expect(clock.now()).toBeGreaterThan(deadlineMs); // bench/lateness says how much later
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
  }, PATIENCE);
});

/** A store whose clock can be set. */
function steppable() {
  let stepMs = 0;
  const stepped = { ...clock, now: () => clock.now() + stepMs };
  const store = createMemoryPresenceStore({
    ...{ shardCount: SHARDS, leaseTtlMs: 30_000, holdMs: 200, clock: stepped },
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
      const ring = clock.every(5, () => listener.onExpired?.('ghost'));
      const inner = await store.listen(listener);
      return {
        [Symbol.asyncDispose]: async () => {
          ring.cancel();
          await inner[Symbol.asyncDispose]();
        },
      };
    },
  };
  const startedAtMs = clock.monotonic();
  await start({ store: spying });
  await eventually(() => looked.includes('ghost'));
  await rig.open('alice', 'gw-1');
  await eventually(() => rig.transitions.length === 1);
  // At most once a second, however often it is hinted at.
  const looks = looked.filter((userId) => userId === 'ghost').length;
  expect(looks).toBeLessThanOrEqual(2 + (clock.monotonic() - startedAtMs) / 1000);
});
