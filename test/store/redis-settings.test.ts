import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { systemClock as clock } from '../../lib/clock.ts';
import { createRedisPresenceStore } from '../../store/redis-presence-store.ts';
import { SettingsError } from '../../store/settings-error.ts';
import { PATIENT } from '../support/presence-store.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

let redis: TestRedis;

beforeAll(async () => {
  const settings = {
    'maxmemory-policy': 'allkeys-lru',
    appendonly: 'no',
    appendfsync: 'always',
    'notify-keyspace-events': 'Kg',
    'hash-max-listpack-value': '64',
  };
  redis = await startRedis({ settings });
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
});

const storeOf = (shardCount: number) =>
  createRedisPresenceStore({ urls: [redis.url], shardCount, leaseTtlMs: 1_000, clock, ...PATIENT });

test('all that is wrong is said at once, with commands that mend it', async () => {
  const store = storeOf(4);
  const error: unknown = await store.checkSettings().catch((thrown: unknown) => thrown);
  if (!(error instanceof SettingsError)) throw new Error('nothing was found wrong');
  const at = `Redis at 127.0.0.1:${redis.port}:`;
  const cli = `redis-cli -h 127.0.0.1 -p ${redis.port} CONFIG SET`;
  expect(error.message.split('\n')).toEqual([
    `${at} maxmemory-policy is allkeys-lru, must be noeviction; to mend: ${cli} maxmemory-policy noeviction`,
    `${at} appendonly is no, must be yes; to mend: ${cli} appendonly yes`,
    `${at} appendfsync is always, must be everysec; to mend: ${cli} appendfsync everysec`,
    expect.stringMatching(/notify-keyspace-events is \w+, must be "Ex" or more; to mend: .* \w+$/),
    `${at} hash-max-listpack-value is 64, must be 256 or more; to mend: ${cli} hash-max-listpack-value 256`,
  ]);
  const admin = new Redis(redis.url);
  for (const { mend } of error.problems) {
    await admin.call('CONFIG', mend.split(' CONFIG ')[1]!.split(' '));
  }
  await expect(store.checkSettings()).resolves.toBeUndefined();
  const [, events] = (await admin.config('GET', 'notify-keyspace-events')) as [string, string];
  expect(Array.from(events).sort()).toEqual(['E', 'K', 'g', 'x']);
  admin.disconnect();
  await store[Symbol.asyncDispose]();
});

test('another number of shards than the data were written with is refused', async () => {
  const [first, second] = [storeOf(4), storeOf(8)];
  await first.checkSettings();
  await expect(second.checkSettings()).rejects.toThrow(
    'MESH_SHARDS is 8, must be 4; to mend: set MESH_SHARDS=4, with which its data were written',
  );
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
});
