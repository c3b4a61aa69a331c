/** The store on a Redis Cluster: every script in every slot it uses, news from every master. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemClock as clock } from '../../lib/clock.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { createRedisPresenceStore } from '../../store/redis-presence-store.ts';
import { eventually } from '../support/eventually.ts';
import {
  beat,
  beatOne,
  choose,
  close,
  lookAtDue,
  newUser,
  open,
  outboxOf,
  PATIENT,
  settledOf,
  sweep,
  untilNoHold,
} from '../support/presence-store.ts';
import { startRedisCluster, type TestRedisCluster } from '../support/redis-cluster.ts';

const SHARDS = 64;
let cluster: TestRedisCluster;
let store: PresenceStore;
/** One of each shard. */
const users: string[] = [];

beforeAll(async () => {
  cluster = await startRedisCluster();
  const settings = { shardCount: SHARDS, leaseTtlMs: 600_000, holdMs: 200, clock };
  store = createRedisPresenceStore({ ...settings, ...PATIENT, urls: cluster.urls });
  await untilNoHold(store);
  const open = new Set(Array.from({ length: SHARDS }, (_, shard) => shard));
  while (open.size > 0) {
    const userId = newUser();
    if (open.delete(store.shardOf(userId))) users.push(userId);
  }
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

test('every script serves every shard', async () => {
  await Promise.all(
    users.map(async (userId) => {
      const shard = store.shardOf(userId);
      expect((await store.change(open(userId))).settled.status).toBe('ONLINE');
      expect(await beatOne(store, beat(userId))).toBe('OK');
      await lookAtDue(store, userId);
      expect((await store.change(choose(userId, 'BUSY'))).settled.status).toBe('BUSY');
      expect((await settledOf(store, userId)).status).toBe('BUSY');
      const entries = await outboxOf(store, userId);
      await store.ack(
        shard,
        entries.map(({ entryId }) => entryId),
      );
      expect(await outboxOf(store, userId)).toEqual([]);
      expect((await store.inspect(userId)).log).toHaveLength(2);
      expect((await store.fence(shard, { truncate: true })).holdMs).toBeGreaterThan(0);
    }),
  );
  await untilNoHold(store);
  expect(await store.routes([...users, 'nobody'])).toEqual([...users.map(() => ['gw-1']), []]);
});

test('requests for notifications are with their subjects, and found by their viewers', async () => {
  const [viewer = '', ...subjects] = users.map((userId) => `${userId}-n`);
  const some = subjects.slice(0, 20);
  const subscription = { endpoint: 'https://push.example/a', p256dh: 'key', auth: 'secret' };
  for (const subjectUserId of some) {
    const ask = { viewerUserId: viewer, subjectUserId, subscription, whileHere: false };
    expect(await store.notifications.ask(ask)).toBe('KEPT');
    const { requests } = await store.notifications.awaiting(subjectUserId);
    expect(await store.notifications.claim(subjectUserId, requests)).toHaveLength(1);
    expect(await store.notifications.ask(ask)).toBe('KEPT');
  }
  const listed = await store.notifications.listOf(viewer);
  expect(listed.map(({ subjectUserId }) => subjectUserId).sort()).toEqual([...some].sort());
  for (const subjectUserId of some)
    await store.notifications.cancel({ viewerUserId: viewer, subjectUserId });
  expect(await store.notifications.listOf(viewer)).toEqual([]);
  expect(await store.notifications.mayPush(viewer)).toBe(true);
});

test('the shards are spread evenly over the masters', async () => {
  const { masters } = cluster;
  const names = await Promise.all(
    masters.map(async ({ url }) => {
      const one = createRedisPresenceStore({
        ...{ urls: [url], shardCount: SHARDS, leaseTtlMs: 60_000, clock, ...PATIENT },
      });
      const served = await Promise.allSettled(
        users.map((userId) => one.lookup(one.shardOf(userId), [])),
      );
      await one[Symbol.asyncDispose]();
      return served.filter(({ status }) => status === 'fulfilled').length;
    }),
  );
  expect(names.sort()).toEqual([21, 21, 22]);
});

test('one address of a cluster is refused with words that help', async () => {
  const options = { shardCount: SHARDS, leaseTtlMs: 60_000, clock };
  const one = createRedisPresenceStore({ ...options, urls: cluster.urls.slice(0, 1) });
  await expect(one.lookup(SHARDS - 1, [])).rejects.toMatchObject({
    code: 'REFUSED',
    message: expect.stringContaining('give the addresses of several'),
  });
  await one[Symbol.asyncDispose]();
});

test('bells and expirations of every master are heard', async () => {
  const bells = new Set<number>();
  const expired = new Set<string>();
  const listening = await store.listen({
    onBell: (shard) => void bells.add(shard),
    onExpired: (userId) => void expired.add(userId),
  });
  await Promise.all(
    users.map(async (userId) => {
      await store.change(choose(userId, 'AWAY'));
      await store.change(close(userId, `${userId}/1`, 50));
    }),
  );
  await eventually(() => expect(bells.size).toBe(SHARDS));
  await eventually(async () => {
    for (const userId of users) await lookAtDue(store, userId);
    expect(expired).toEqual(new Set(users));
  });
  // Redis may have announced somebody by itself, before the last look at them.
  for (const userId of users) await lookAtDue(store, userId);
  expect((await settledOf(store, users[0]!)).status).toBe('OFFLINE');
  await listening[Symbol.asyncDispose]();
});

test('settings of every server are checked', async () => {
  await expect(store.checkSettings()).resolves.toBeUndefined();
});

test('leases are kept in one place', async () => {
  await store.keepLease('workers', 'w-1', 60_000);
  expect((await store.listLeases('workers')).map(({ id }) => id)).toEqual(['w-1']);
});

test('a master that is away fails only its own shards, and is found again', async () => {
  const [first] = cluster.masters;
  await first!.kill();
  const lost = await Promise.allSettled(
    users.map((userId) => store.lookup(store.shardOf(userId), [])),
  );
  const failed = lost.filter(({ status }) => status === 'rejected');
  expect(failed.length).toBeGreaterThan(0);
  for (const { reason } of failed as PromiseRejectedResult[]) {
    expect(reason).toMatchObject({ code: 'UNAVAILABLE' });
  }
  await first!.start();
  await eventually(() => Promise.all(users.map((userId) => sweep(store, store.shardOf(userId)))));
});
