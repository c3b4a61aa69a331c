/**
 * The same random commands drive Redis and the in-process store, whose clock is set to Redis's before each; what they
 * answer, whom they route to and what they leave in the outbox must be the same.
 *
 * Redis's clock cannot be held. So a command is given only when no deadline is near, and a run in which a deadline was
 * passed all the same, because the machine was busy, ends there: nothing could be concluded from the rest.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { systemClock } from '../../lib/clock.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import type { Inspection, PresenceStore } from '../../store/presence-store.ts';
import { createRedisPresenceStore } from '../../store/redis-presence-store.ts';
import { PATIENT, sweep, untilNoHold } from '../support/presence-store.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { CHOICE_AGES, commands, LEASE_TTL_MS, USERS, type Command } from './commands.ts';

const SETTINGS = { shardCount: 1, leaseTtlMs: LEASE_TTL_MS, holdMs: 70 };
/** A command and the comparison after it must not take longer, ms: the two clocks differ by no more. */
const SLACK_MS = 8;

let redis: TestRedis;
let admin: Redis;
let real: PresenceStore;
let compared = 0;

beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.url);
  real = createRedisPresenceStore({
    ...{ ...SETTINGS, ...PATIENT, urls: [redis.url], clock: systemClock },
  });
});
afterAll(async () => {
  await real[Symbol.asyncDispose]();
  admin.disconnect();
  await redis[Symbol.asyncDispose]();
});

async function redisNow(): Promise<number> {
  const [seconds, micros] = await admin.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

/** Both stores, empty, and the in-process one's clock. */
async function createPair() {
  await admin.flushall();
  await untilNoHold(real);
  const time = { now: await redisNow() };
  const clock = { ...systemClock, now: () => time.now };
  return { time, model: createMemoryPresenceStore({ ...SETTINGS, clock }) };
}

/** Gives commands to both until they end or something took too long to say who is right. */
async function compare(given: readonly Command[]): Promise<void> {
  const { time, model } = await createPair();
  const boundaries = new Set<number>();
  let seen: { real: readonly number[]; model: readonly number[] } = { real: [], model: [] };
  for (const command of given) {
    if (command.do === 'wait') {
      await systemClock.sleep(command.ms);
      continue;
    }
    time.now = await untilClear(boundaries);
    const asModelled = await observe(model, command);
    const asIs = await observe(real, command);
    if ((await redisNow()) > time.now + SLACK_MS) return;
    expect(asIs.same).toEqual(asModelled.same);
    expectNear(asIs.times, asModelled.times);
    expect(rises(seen.real, asIs.versions)).toEqual(rises(seen.model, asModelled.versions));
    seen = { real: asIs.versions, model: asModelled.versions };
    compared += 1;
    if (await noteBoundaries(model, boundaries)) return;
  }
}

/** Waits for a moment when no deadline is near, and returns it. */
async function untilClear(boundaries: ReadonlySet<number>): Promise<number> {
  for (;;) {
    const now = await redisNow();
    const near = [...boundaries].some((at) => Math.abs(at - now) <= SLACK_MS + 2);
    if (!near) return now;
    await systemClock.sleep(4);
  }
}

/** Collects the times at which outcomes change. True when two deadlines are too close to say which comes first. */
async function noteBoundaries(model: PresenceStore, boundaries: Set<number>): Promise<boolean> {
  let tooClose = false;
  for (const userId of USERS) {
    const seen = await model.inspect(userId);
    boundaries.add(seen.nowMs + seen.holdMs);
    for (const ageMs of CHOICE_AGES) boundaries.add(seen.chosenAtMs + ageMs);
    const left = seen.sessions.map(({ remainingMs }) => remainingMs);
    for (const ms of left) boundaries.add(seen.nowMs + ms);
    tooClose ||= left.some((ms, n) => n > 0 && ms - left[n - 1]! <= SLACK_MS);
  }
  return tooClose;
}

const rises = (before: readonly number[], after: readonly number[]) =>
  after.map((version, n) => Math.sign(version - (before[n] ?? version)));

function expectNear(times: readonly number[], modelled: readonly number[]): void {
  expect(times).toHaveLength(modelled.length);
  const differences = times.map((ms, n) => Math.abs(ms - modelled[n]!));
  expect(Math.max(...differences)).toBeLessThanOrEqual(SLACK_MS);
}

/** Gives the command and returns all that can be seen of it. */
async function observe(store: PresenceStore, command: Command) {
  const answer = await give(store, command);
  const [routes, { settled, horizons }, ...inspections] = await Promise.all([
    store.routes(USERS),
    store.lookup(0, USERS),
    ...USERS.map((userId) => store.inspect(userId)),
  ]);
  expect(settled).toEqual(inspections.map((inspection) => inspection.settled));
  return {
    same: { answer, routes, users: inspections.map(timeless) },
    times: inspections.flatMap(timesOf),
    versions: [...settled.map(({ version }) => version), ...horizons.map(({ floor }) => floor)],
  };
}

async function give(store: PresenceStore, command: Command): Promise<unknown> {
  switch (command.do) {
    case 'change': {
      const { chosen, graphRevision, sessionAlive, holdMs } = await store.change(command.change);
      return { chosen, graphRevision, sessionAlive, held: holdMs > 0 };
    }
    case 'beat':
      return (await store.beat(0, command.beats)).outcomes;
    case 'sweep':
      return await sweepAndLook(store);
    case 'look':
      await store.look(0, USERS);
      return undefined;
    case 'fence':
      return (await store.fence(0, command)).holdMs > 0;
    case 'wait':
      return undefined;
  }
}

async function sweepAndLook(store: PresenceStore) {
  const { due, nextDueMs, outbox, outboxLength } = await sweep(store, 0);
  await store.look(0, due);
  const entries = outbox.map(({ settled, cause, only, quiet, graphRevision, trace }) => {
    const { userId: of, status } = settled;
    return { of, status, cause, only, quiet, graphRevision, trace };
  });
  await store.ack(
    0,
    outbox.map(({ entryId }) => entryId),
  );
  // Of several users who died at once either may come first.
  entries.sort((a, b) => (a.of < b.of ? -1 : a.of > b.of ? 1 : 0));
  return { due: [...due].sort(), isSomeoneNext: nextDueMs !== undefined, entries, outboxLength };
}

const byId = (seen: Inspection) =>
  [...seen.sessions].sort((a, b) => (a.sessionId < b.sessionId ? -1 : 1));

function timeless(seen: Inspection) {
  const { settled, chosen, graphRevision, log, outboxLength, isWaiting, holdMs } = seen;
  return {
    ...{ status: settled.status, chosen, graphRevision, outboxLength, isWaiting, held: holdMs > 0 },
    log: log.map(({ status, cause, trace }) => ({ status, cause, trace })),
    sessions: byId(seen).map(({ remainingMs: _left, lastBeatMs: _beat, ...session }) => session),
  };
}

function timesOf(seen: Inspection): number[] {
  const { settled, chosenAtMs, holdMs, log } = seen;
  return [
    ...[settled.lastActiveMs, chosenAtMs, holdMs],
    ...log.map(({ atMs }) => atMs),
    ...byId(seen).flatMap(({ remainingMs, lastBeatMs }) => [remainingMs, lastBeatMs]),
  ];
}

test('Redis and the in-process store agree', async () => {
  const property = fc.asyncProperty(commands, compare);
  // On a busy machine most runs end early: then it takes more of them.
  do await fc.assert(property, { numRuns: 100, interruptAfterTimeLimit: 20_000 });
  while (compared <= 50);
}, 600_000);
