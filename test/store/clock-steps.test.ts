/** A server's clock that steps back leaves deadlines far ahead; nobody may stay ONLINE by them. */
import { expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { systemClock } from '../../lib/clock.ts';
import { shardKeys } from '../../store/keys.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { createRedisPresenceStore } from '../../store/redis-presence-store.ts';
import { eventually } from '../support/eventually.ts';
import {
  lookAtDue,
  open,
  PATIENT,
  settledOf,
  sweep,
  untilNoHold,
} from '../support/presence-store.ts';
import { startRedis } from '../support/redis.ts';

const HOUR_MS = 3_600_000;
const SETTINGS = { shardCount: 1, leaseTtlMs: 300, holdMs: 50 };

/** After the clock went back by an hour. */
async function lapsesSoon(store: PresenceStore, expectedNowMs: number): Promise<void> {
  const request = { shard: 0, owner: 'test', ownerTtlMs: 10_000, limit: 10, expectedNowMs };
  expect(await store.sweep(request)).toMatchObject({ owned: true, due: [] });
  await untilNoHold(store);
  await eventually(async () => (await lookAtDue(store, 'ann')).includes('ann'));
  const [session] = (await store.inspect('ann')).sessions;
  // On a slow machine it may have ended meanwhile.
  expect(session?.remainingMs ?? 0).toBeLessThanOrEqual(SETTINGS.leaseTtlMs);
  await eventually(async () => {
    await lookAtDue(store, 'ann');
    return (await settledOf(store, 'ann')).status === 'OFFLINE';
  });
}

test('in the in-process store', async () => {
  let stepMs = HOUR_MS;
  const clock = { ...systemClock, now: () => systemClock.now() + stepMs };
  const store = createMemoryPresenceStore({ ...SETTINGS, clock });
  await store.change(open('ann'));
  const { nowMs } = await sweep(store, 0);
  stepMs = 0;
  await lapsesSoon(store, nowMs);
});

test('in Redis', async () => {
  const redis = await startRedis();
  const store = createRedisPresenceStore({
    ...{ ...SETTINGS, ...PATIENT, urls: [redis.url], clock: systemClock },
  });
  try {
    await untilNoHold(store);
    await store.change(open('ann'));
    const { nowMs } = await sweep(store, 0);
    await writeHourAhead(redis.url, 'ann');
    await lapsesSoon(store, nowMs + HOUR_MS);
  } finally {
    await store[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
  }
});

/** What Redis would hold of a session if its clock had been an hour ahead when the session opened. */
async function writeHourAhead(url: string, userId: string): Promise<void> {
  const [keys] = shardKeys(1);
  const state = keys!.state(userId);
  const admin = new Redis(url);
  const { view = '', ...fields } = await admin.hgetall(state);
  const field = `s:${userId}/1`;
  const record = (fields[field] ?? '').split('|');
  const deadline = String(Number(record[1]) + HOUR_MS);
  await admin.hset(state, field, record.with(1, deadline).join('|'));
  await admin.hset(state, 'view', view.split('|').with(1, deadline).join('|'));
  await admin.zadd(keys!.deadlines, deadline, userId);
  admin.disconnect();
}
