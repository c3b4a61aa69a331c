/** What stands in Redis, for those who look with redis-cli. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { systemClock as clock } from '../../lib/clock.ts';
import { shardKeys, userOfPresenceKey, type ShardKeys } from '../../store/keys.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { createRedisPresenceStore } from '../../store/redis-presence-store.ts';
import {
  beat,
  beatOne,
  choose,
  close,
  newUser,
  open,
  PATIENT,
  settledOf,
  untilNoHold,
} from '../support/presence-store.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const LEASE_MS = 600_000;
const DAY_MS = 24 * 3_600_000;
const [keys] = shardKeys(1) as [ShardKeys];

let redis: TestRedis;
let admin: Redis;
let store: PresenceStore;

beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.url);
  const settings = { shardCount: 1, leaseTtlMs: LEASE_MS, holdMs: 50, clock };
  store = createRedisPresenceStore({ ...settings, ...PATIENT, urls: [redis.url] });
  await untilNoHold(store);
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  admin.disconnect();
  await redis[Symbol.asyncDispose]();
});

const presenceOf = async (userId: string) =>
  JSON.parse((await admin.get(keys.presence(userId))) ?? 'null') as unknown;

test('the presence key says status, last beat and servers, and lives as long as the user', async () => {
  const userId = newUser();
  await store.change(open(userId, { ageMs: 20_000 }));
  await store.change(open(userId, { sessionId: 'second', gatewayId: 'gw-2', ageMs: 30_000 }));
  const { lastActiveMs } = await settledOf(store, userId);
  const server_ids = ['gw-1', 'gw-2'];
  const key = keys.presence(userId);
  expect(await presenceOf(userId)).toEqual({
    status: 'ONLINE',
    last_active: lastActiveMs,
    server_ids,
  });
  expect(await admin.pexpiretime(key)).toBe(lastActiveMs + LEASE_MS);
  await beatOne(store, beat(userId));
  const { lastActiveMs: later } = await settledOf(store, userId);
  expect(await presenceOf(userId)).toEqual({ status: 'ONLINE', last_active: later, server_ids });
  expect(await admin.pexpiretime(key)).toBe(later + LEASE_MS);
});

test('of an invisible user it says OFFLINE, and who must get their messages', async () => {
  const userId = newUser();
  await store.change(open(userId, { ageMs: 1_000 }));
  const { settled } = await store.change(choose(userId, 'INVISIBLE'));
  await beatOne(store, beat(userId));
  const last_active = settled.lastActiveMs;
  expect(await presenceOf(userId)).toEqual({
    status: 'OFFLINE',
    last_active,
    server_ids: ['gw-1'],
  });
});

test('logout removes it at once, keeps the user for 90 days, and forgets nothing that is needed', async () => {
  const userId = newUser();
  await store.change(open(userId));
  expect(await admin.pttl(keys.state(userId))).toBe(-1);
  const { settled } = await store.change(close(userId, `${userId}/1`, 0));
  expect(await admin.exists(keys.presence(userId))).toBe(0);
  expect(await admin.zscore(keys.deadlines, userId)).toBeNull();
  expect(await admin.pttl(keys.state(userId))).toBeGreaterThan(89 * DAY_MS);
  expect(await settledOf(store, userId)).toEqual(settled);
  await store.change(open(userId));
  expect(await admin.pttl(keys.state(userId))).toBe(-1);
});

test('the index holds the earliest deadline', async () => {
  const userId = newUser();
  await store.change(open(userId));
  await store.change(open(userId, { sessionId: 'older', ageMs: 40_000 }));
  const { sessions, nowMs } = await store.inspect(userId);
  const earliest = nowMs + sessions[0]!.remainingMs;
  expect(Number(await admin.zscore(keys.deadlines, userId))).toBe(earliest);
});

test('reading, and what changes nothing, leaves no key behind', async () => {
  const userId = newUser();
  await store.lookup(0, [userId]);
  await store.inspect(userId);
  await store.routes([userId]);
  await store.look(0, [userId]);
  await store.change(close(userId, 'none', 0));
  await beatOne(store, beat(userId));
  expect(await admin.exists(keys.state(userId), keys.presence(userId))).toBe(0);
  expect(await admin.zscore(keys.deadlines, userId)).toBeNull();
});

test('a presence key names its user', () => {
  expect(userOfPresenceKey(keys.presence('a:b:presence'))).toBe('a:b:presence');
  expect(userOfPresenceKey(keys.state('ann'))).toBeUndefined();
  expect(userOfPresenceKey('session:1')).toBeUndefined();
});
