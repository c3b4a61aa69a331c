/** What somebody else wrote to Redis: it costs its user something, and nobody else. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { systemClock as clock } from '../../lib/clock.ts';
import { shardKeys, type ShardKeys } from '../../store/keys.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { createRedisPresenceStore } from '../../store/redis-presence-store.ts';
import { readScripts } from '../../store/redis-scripts.ts';
import { eventually } from '../support/eventually.ts';
import {
  beat,
  lookAtDue,
  newUser,
  open,
  outboxOf,
  PATIENT,
  settledOf,
  sweep,
  untilNoHold,
} from '../support/presence-store.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const LEASE_MS = 600_000;
const SETTINGS = { shardCount: 1, leaseTtlMs: LEASE_MS, holdMs: 100, ...PATIENT };
const [keys] = shardKeys(1) as [ShardKeys];

let redis: TestRedis;
let admin: Redis;
let store: PresenceStore;
let told: string[] = [];

beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.url);
  const onDamage = (userId: string, problem: string) => void told.push(`${userId}: ${problem}`);
  store = createRedisPresenceStore({ ...SETTINGS, urls: [redis.url], clock, onDamage });
  await untilNoHold(store);
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  admin.disconnect();
  await redis[Symbol.asyncDispose]();
});
beforeEach(() => {
  told = [];
});

const causesOf = async (userId: string) =>
  (await outboxOf(store, userId)).map(({ cause, settled }) => [cause, settled.status]);

const sessionOf = (userId: string): string => `s:${userId}/1`;

/** A moment, the day before, at which a session could have ended. */
async function makeDue(userId: string): Promise<void> {
  const state = keys.state(userId);
  const fields = await admin.hgetall(state);
  const record = (fields[sessionOf(userId)] ?? '').split('|');
  const past = String(Number(record[0]) - 1);
  await admin.hset(state, sessionOf(userId), record.with(1, past).join('|'));
  await admin.hset(state, 'view', (fields['view'] ?? '').split('|').with(1, past).join('|'));
  await admin.zadd(keys.deadlines, past, userId);
}

test('thousands of sessions of one user end at once, and are told of', async () => {
  const userId = newUser();
  await store.change(open(userId));
  await makeDue(userId);
  const state = keys.state(userId);
  const record = (await admin.hget(state, sessionOf(userId))) ?? '';
  for (let n = 0; n < 9; n++) {
    const fields = Array.from({ length: 1_000 }, (_, i) => [`s:x-${n}-${i}`, record]);
    await admin.hset(state, ...fields.flat());
  }
  await lookAtDue(store, userId);
  expect(await settledOf(store, userId)).toMatchObject({ status: 'OFFLINE' });
  expect(await causesOf(userId)).toEqual([
    ['OPENED', 'ONLINE'],
    ['EXPIRED', 'OFFLINE'],
  ]);
  expect(await admin.hlen(state)).toBeLessThan(20);
});

/** How the data of a user can be damaged. */
const DAMAGES: [string, (userId: string) => Promise<unknown>][] = [
  [
    'a state that is no hash',
    async (userId) => {
      await admin.del(keys.state(userId));
      await admin.set(keys.state(userId), 'no hash');
    },
  ],
  [
    'a record that is none',
    (userId) => admin.hset(keys.state(userId), sessionOf(userId), 'no record'),
  ],
  [
    'a deadline of too many digits',
    (userId) =>
      admin.hset(keys.state(userId), sessionOf(userId), `1|${'9'.repeat(400)}|0|0|ONLINE|gw-1||`),
  ],
  [
    'a status that is none',
    (userId) => admin.hset(keys.state(userId), { status: 'HAPPY', version: 'nan' }),
  ],
  ['a choice that is none', (userId) => admin.hset(keys.state(userId), 'chosen', 'x')],
  ['a view that is none', (userId) => admin.hset(keys.state(userId), 'view', 'x')],
  ['no view', (userId) => admin.hdel(keys.state(userId), 'view')],
];

describe.each(DAMAGES)('%s', (_name, damage) => {
  test('delays nobody who is due beside it, and is mended by a look', async () => {
    const [damaged, other] = [newUser(), newUser()];
    for (const userId of [damaged, other]) await store.change(open(userId));
    // Of one session alone a look reads no more than the view.
    await store.change(open(damaged, { sessionId: 'second' }));
    await makeDue(other);
    await damage(damaged);
    await store.look(0, [damaged, other]);
    expect(await causesOf(other)).toEqual([
      ['OPENED', 'ONLINE'],
      ['EXPIRED', 'OFFLINE'],
    ]);
    const settled = await settledOf(store, damaged);
    const { status, version } = settled;
    expect((await outboxOf(store, damaged)).at(-1)?.settled).toMatchObject({ status, version });
    const { sessions } = await store.inspect(damaged);
    expect(settled.status).toBe(sessions.length > 0 ? 'ONLINE' : 'OFFLINE');
    told = [];
    expect((await store.change(open(damaged))).settled.status).toBe('ONLINE');
    expect((await store.beat(0, [beat(damaged)])).outcomes).toEqual(['OK']);
    expect(told).toEqual([]);
  });

  test('fails neither the beats nor the look-ups of others', async () => {
    const [damaged, other] = [newUser(), newUser()];
    for (const userId of [damaged, other]) await store.change(open(userId));
    const before = await settledOf(store, other);
    await damage(damaged);
    const { settled } = await store.lookup(0, [damaged, other]);
    expect(settled[1]).toEqual(before);
    expect(['ONLINE', 'OFFLINE']).toContain(settled[0]?.status);
    expect(settled[0]?.lastActiveMs).toBeLessThanOrEqual(before.lastActiveMs);
    const { outcomes } = await store.beat(0, [beat(damaged), beat(other)]);
    expect(outcomes[1]).toBe('OK');
    expect((await store.inspect(damaged)).sessions.length).toBeLessThanOrEqual(1);
    // Whoever hears that a session is not known opens it again.
    const { settled: back } = await store.change(open(damaged));
    expect(back.status).toBe('ONLINE');
    expect(await settledOf(store, damaged)).toEqual(back);
    expect((await store.beat(0, [beat(damaged)])).outcomes).toEqual(['OK']);
  });
});

test('damage is told of by name', async () => {
  const [first, second, third] = [newUser(), newUser(), newUser()];
  for (const userId of [first, second, third]) await store.change(open(userId));
  await store.change(open(second, { sessionId: 'second' }));
  await admin.set(keys.state(first), 'no hash');
  await admin.hset(keys.state(second), sessionOf(second), 'no record');
  await admin.set(keys.presence(third), '{"server_ids":[no list}', 'KEEPTTL');
  await store.lookup(0, [first, second, third]);
  await store.beat(0, [beat(second)]);
  expect(await store.routes([third, second])).toEqual([[], ['gw-1']]);
  await store.look(0, [second, third]);
  await store.change(open(first));
  expect(told).toEqual([
    `${first}: unreadable: status, version or last-active`,
    `${second}: unreadable: a session or the view`,
    `${third}: unreadable: the presence key`,
    `${second}: unreadable, and dropped: a session`,
    `${first}: unreadable, and dropped: the whole state`,
  ]);
  await store.beat(0, [beat(third)]);
  expect(await store.routes([third])).toEqual([['gw-1']]);
});

test('who cannot be settled is left out for a while; the others are not', async () => {
  const [bad, other] = [newUser(), newUser()];
  for (const userId of [bad, other]) await store.change(open(userId));
  for (const userId of [bad, other]) await makeDue(userId);
  // A mistake of ours, which nothing in Redis brings about.
  const source = readScripts(100).look.source.replace(
    'local user = load_user(user_id, keys.state)',
    `if user_id == '${bad}' then error('a mistake') end $&`,
  );
  const { meta, deadlines, outbox, bell, state, presence } = keys;
  const both = [bad, other].flatMap((userId) => [state(userId), presence(userId)]);
  const all = [meta, deadlines, outbox, bell, ...both];
  const problems = (await admin.eval(source, all.length, ...all, LEASE_MS, bad, other)) as string[];
  expect(problems).toEqual([bad, expect.stringContaining('a mistake')]);
  expect((await settledOf(store, other)).status).toBe('OFFLINE');
  expect((await settledOf(store, bad)).status).toBe('ONLINE');
  const { due, nowMs } = await sweep(store, 0);
  expect(due).not.toContain(bad);
  expect(Number(await admin.zscore(deadlines, bad))).toBeGreaterThan(nowMs);
  await store.look(0, [bad]);
  await eventually(async () => expect((await settledOf(store, bad)).status).toBe('OFFLINE'));
});
