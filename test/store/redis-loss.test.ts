/** What a restart, a loss of all data and a server that is away do to the store on Redis. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { systemClock as clock } from '../../lib/clock.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { createRedisPresenceStore } from '../../store/redis-presence-store.ts';
import { eventually } from '../support/eventually.ts';
import {
  beat,
  beatOne,
  choose,
  lookAtDue,
  newUser,
  open,
  outboxOf,
  settledOf,
  untilNoHold,
} from '../support/presence-store.ts';
import { startRedis, untilWritten, type TestRedis } from '../support/redis.ts';

const SETTINGS = { shardCount: 1, leaseTtlMs: 60_000, holdMs: 300, commandTimeoutMs: 10_000 };
/** So long that nothing a test does takes longer. */
const LONG_HOLD_MS = 3_000;

let redis: TestRedis;
let store: PresenceStore;

beforeEach(async () => {
  redis = await startRedis();
  store = createRedisPresenceStore({ ...SETTINGS, urls: [redis.url], clock });
  await untilNoHold(store);
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

/** A store whose fences hold for long: to be asked first after a loss. */
const holdingLong = () =>
  createRedisPresenceStore({ ...SETTINGS, holdMs: LONG_HOLD_MS, urls: [redis.url], clock });

async function flushAll(): Promise<void> {
  const admin = new Redis(redis.url);
  await admin.flushall();
  admin.disconnect();
}

async function restart(): Promise<void> {
  await untilWritten(redis);
  await redis.kill();
  await redis.start();
}

const untilBack = (of = store) => eventually(() => of.lookup(0, []));

test('sessions, choice, log and outbox survive a restart, behind a fence', async () => {
  const userId = newUser();
  await store.change(open(userId));
  const { settled, floor } = await store.change(choose(userId, 'BUSY'));
  const entries = await outboxOf(store, userId);
  const before = await store.inspect(userId);
  // Every second the append-only file goes to disk; a kill of the process alone loses nothing that is in it.
  await untilWritten(redis);
  await redis.kill();
  await redis.start();
  const back = await untilBack();
  expect(back.floor).toBeGreaterThan(Math.max(floor, settled.version));
  expect(back.holdMs).toBeGreaterThan(0);
  const after = await store.inspect(userId);
  expect(after.settled).toEqual({ ...settled, version: back.floor });
  expect(after.sessions).toMatchObject([{ sessionId: `${userId}/1`, gatewayId: 'gw-1' }]);
  expect(after).toMatchObject({ chosen: 'BUSY', log: before.log });
  expect(await outboxOf(store, userId)).toEqual(entries);
  expect(await store.routes([userId])).toEqual([['gw-1']]);
  expect(await beatOne(store, beat(userId))).toBe('OK');
  const { settled: later } = await store.change(choose(userId, 'AWAY'));
  expect(later.version).toBeGreaterThan(back.floor);
});

test('a session whose lease ended while the server was away lapses after the hold', async () => {
  const userId = newUser();
  await store.change(open(userId, { ageMs: 59_900 }));
  await untilWritten(redis);
  await redis.kill();
  await redis.start();
  await using holding = holdingLong();
  await untilBack(holding);
  await lookAtDue(store, userId);
  expect((await settledOf(store, userId)).status).toBe('ONLINE');
  await untilNoHold(store);
  await eventually(async () => (await lookAtDue(store, userId)).includes(userId));
  expect((await settledOf(store, userId)).status).toBe('OFFLINE');
  expect((await outboxOf(store, userId)).at(-1)).toMatchObject({ cause: 'EXPIRED' });
});

test('after a loss of all data every version is above every one before', async () => {
  const userId = newUser();
  await store.change(open(userId));
  const { settled } = await store.change(choose(userId, 'BUSY'));
  await using holding = holdingLong();
  await flushAll();
  const { floor, holdMs } = await holding.lookup(0, []);
  expect(floor).toBeGreaterThanOrEqual(settled.version);
  expect(holdMs).toBeGreaterThan(0);
  expect(await beatOne(store, beat(userId))).toBe('UNKNOWN');
  expect((await settledOf(store, userId)).version).toBe(floor);
  const again = await store.change(open(userId));
  expect(again.settled.version).toBeGreaterThan(settled.version);
  expect(await outboxOf(store, userId)).toEqual([]);
});

test.each([
  ['a restart', restart, 'above'],
  ['a loss of all data', () => flushAll(), 'below'],
])('after %s it is known whether who left before is still known', async (_, lose, is) => {
  const userId = newUser();
  await store.change(open(userId));
  const { settled } = await store.change({
    ...{ kind: 'close', userId, sessionId: `${userId}/1`, graceMs: 0, trace: '' },
  });
  const before = await store.lookup(0, [userId]);
  expect(before.horizons[0]!.forgottenBelow).toBeLessThanOrEqual(settled.version);
  await lose();
  await untilBack();
  await untilNoHold(store);
  const { floor, horizons, settled: seen } = await store.lookup(0, [userId]);
  expect(settled.version >= horizons[0]!.forgottenBelow ? 'above' : 'below').toBe(is);
  const lastActiveMs = is === 'above' ? settled.lastActiveMs : 0;
  expect(seen).toEqual([{ ...settled, version: floor, lastActiveMs }]);
  await store.change({
    ...{ kind: 'announce', userId, only: ['v'], graphRevision: '1', trace: '' },
  });
  const [entry] = (await outboxOf(store, userId)).slice(-1);
  expect(entry).toMatchObject({ horizon: { floor } });
  expect(settled.version >= entry!.horizon!.forgottenBelow ? 'above' : 'below').toBe(is);
});

test('without a server calls fail soon and say where, with it they work again', async () => {
  const userId = newUser();
  await redis.kill();
  const calls = [
    store.change(open(userId)),
    store.beat(0, [beat(userId)]),
    store.routes([userId]),
    store.listen({}),
    store.checkSettings(),
  ];
  for (const result of await Promise.allSettled(calls)) {
    expect(result).toMatchObject({
      status: 'rejected',
      reason: { code: 'UNAVAILABLE', message: expect.stringContaining(`127.0.0.1:${redis.port}`) },
    });
  }
  await redis.start();
  await eventually(() => store.change(open(userId)));
});

test('a server that answers nothing fails calls in bounded time', async () => {
  const userId = newUser();
  await using hasty = createRedisPresenceStore({
    ...{ ...SETTINGS, commandTimeoutMs: 500, urls: [redis.url], clock },
  });
  await eventually(() => hasty.lookup(0, []));
  redis.pause();
  const call = hasty.change(open(userId));
  await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE', message: /timed out/ });
  redis.resume();
  await eventually(() => hasty.change(open(userId)));
});

test('a store made before its server serves once it is there; hints come back by themselves', async () => {
  const userId = newUser();
  const bells: number[] = [];
  const listening = await store.listen({ onBell: (shard) => void bells.push(shard) });
  await redis.kill();
  const early = createRedisPresenceStore({ ...SETTINGS, urls: [redis.url], clock });
  await expect(early.lookup(0, [])).rejects.toThrow(/ECONNREFUSED/);
  await redis.start();
  await eventually(() => early.lookup(0, []));
  await untilNoHold(early);
  await eventually(async () => {
    await early.change(choose(userId, 'BUSY'));
    await early.change(open(userId));
    await early.change({ kind: 'close', userId, sessionId: `${userId}/1`, graceMs: 0, trace: '' });
    expect(bells).not.toEqual([]);
  });
  await listening[Symbol.asyncDispose]();
  await early[Symbol.asyncDispose]();
});

test.each([1, 2])('with none of %i servers a store says so and closes', async (servers) => {
  await redis.kill();
  const urls = Array.from({ length: servers }, () => redis.url);
  const lonely = createRedisPresenceStore({ ...SETTINGS, urls, clock });
  await expect(lonely.lookup(0, [])).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/ECONNREFUSED|cannot connect/),
  });
  await lonely[Symbol.asyncDispose]();
});
