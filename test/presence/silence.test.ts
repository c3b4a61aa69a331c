/** A follower of users who are quiet, while others are not, resumes from close to where they were. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Metadata } from '@grpc/grpc-js';
import type {
  WatchPresenceRequest,
  WatchPresenceResponse,
} from '../../gen/presence/v1/presence_service.ts';
import { Transition } from '../../gen/presence/v1/transition.ts';
import { systemClock } from '../../lib/clock.ts';
import type { BusRecord, MessageBus } from '../../lib/kafka/bus.ts';
import { createMemoryBus } from '../../lib/kafka/memory-bus.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { createLogger } from '../../lib/logger.ts';
import { createReadiness } from '../../lib/readiness.ts';
import { readCursor } from '../../presence/cursor.ts';
import { watchShardStates, type ShardStates } from '../../presence/shard-states.ts';
import { MAX_SILENT_MS, MAX_SILENT_STEPS } from '../../presence/silence.ts';
import { watchPresence } from '../../presence/watch.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { eventually } from '../support/eventually.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';

const TOPIC = 'presence-transitions';
const SPEC = { partitions: 2, replication: 1, retentionMs: 86_400_000, segmentMs: 60_000 };
const SHARDS = 4;
const logger = createLogger('test', 'silent');

let disposer: Disposer;
/** Of the followers; the rest goes by the real one. */
let clock: ManualClock;
let bus: MessageBus;
let store: PresenceStore;
let shardStates: ShardStates;

beforeEach(async () => {
  disposer = createDisposer();
  clock = createManualClock();
  bus = disposer.add(createMemoryBus({ clock: systemClock, maxPartitionBytes: 1024 * 1024 }));
  await bus.ensureTopic(TOPIC, SPEC);
  const lease = { shardCount: SHARDS, leaseTtlMs: 30_000 };
  store = disposer.add(createMemoryPresenceStore({ clock: systemClock, ...lease }));
  const readiness = createReadiness(['redis']);
  shardStates = watchShardStates({ store, clock: systemClock, logger, readiness, intervalMs: 20 });
  disposer.defer(() => shardStates[Symbol.dispose]());
  await eventually(() => expect(shardStates.all()).toHaveLength(SHARDS));
});
afterEach(async () => disposer[Symbol.asyncDispose]());

interface Following {
  readonly responses: WatchPresenceResponse[];
  readonly failures: unknown[];
  stop(): Promise<void>;
}

function follow(request: Partial<WatchPresenceRequest>): Following {
  const stopping = new AbortController();
  const context = { metadata: new Metadata(), signal: stopping.signal };
  const responses: WatchPresenceResponse[] = [];
  const failures: unknown[] = [];
  const run = async (): Promise<void> => {
    const whole = { cursor: '', userIds: ['quiet'], ...request };
    const options = { bus, store, shardStates, clock, logger };
    for await (const response of watchPresence(options, whole, context)) responses.push(response);
  };
  const running = run().catch((error: unknown) => void failures.push(error));
  const stop = async (): Promise<void> => {
    stopping.abort();
    await running;
  };
  disposer.defer(stop);
  return { responses, failures, stop };
}

async function begun(request: Partial<WatchPresenceRequest> = {}): Promise<Following> {
  const following = follow(request);
  await eventually(() => expect(following.responses).toHaveLength(1));
  return following;
}

const recordOf = (userId: string, version: number): BusRecord => ({
  key: userId,
  value: Transition.encode(Transition.fromPartial({ userId, version: BigInt(version) })).finish(),
});

const change = (userId: string, count: number) =>
  bus.send(
    TOPIC,
    Array.from({ length: count }, (_, version) => recordOf(userId, version + 1)),
  );

/** Of how many changes the newest cursor tells. */
const reached = ({ responses }: Following): number =>
  [...readCursor(responses.at(-1)!.cursor).offsets.values()].reduce((a, b) => a + Number(b), 0);

/** What the responses are of. */
const kinds = ({ responses }: Following): string[] =>
  responses.map(({ transition, fence }) => transition?.userId ?? (fence ? 'fence' : 'cursor'));

test('never so far behind that the bus no longer holds what comes next', async () => {
  const following = await begun();
  // In all several times what the bus holds; each time less than it does, so that a slow machine loses nothing.
  for (let round = 1; round <= 12; round++) {
    await change('restless', MAX_SILENT_STEPS);
    await eventually(() => expect(reached(following)).toBe(round * MAX_SILENT_STEPS));
  }
  expect(following.responses).toHaveLength(13);
  await following.stop();
  await expect(
    bus.read(TOPIC, {
      from: new Map([[0, 0n]]),
      onRecord: () => undefined,
      onCrash: () => undefined,
    }),
  ).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });

  const resumed = await begun({ cursor: following.responses.at(-1)!.cursor });
  await change('quiet', 1);
  await eventually(() => expect(kinds(resumed)).toEqual(['cursor', 'quiet']));
  expect([following.failures, resumed.failures]).toEqual([[], []]);
});

test('a change of others is in a cursor before long, though nothing follows it', async () => {
  const following = await begun();
  const witness = await begun({ userIds: [] });
  clock.advance(10 * MAX_SILENT_MS);
  await change('restless', 1);
  await eventually(() => expect(kinds(witness)).toEqual(['cursor', 'restless']));
  // Read by the witness is not yet read by the other one: time is moved until it was.
  await eventually(() => {
    clock.advance(MAX_SILENT_MS);
    expect(kinds(following)).toEqual(['cursor', 'cursor']);
  });
  expect(reached(following)).toBe(1);
  clock.advance(10 * MAX_SILENT_MS);
  await change('quiet', 1);
  await eventually(() => expect(kinds(following)).toEqual(['cursor', 'cursor', 'quiet']));
  expect(kinds(witness)).toEqual(['cursor', 'restless', 'quiet']);
});

test('a fence of others alone is in a cursor too: it is not told again to who resumes', async () => {
  const shard = store.shardOf('quiet');
  const following = await begun();
  const before = following.responses[0]!.cursor;
  await store.fence((shard + 1) % SHARDS, { truncate: false });
  await eventually(() => {
    clock.advance(MAX_SILENT_MS);
    expect(following.responses.at(-1)!.cursor).not.toBe(before);
  });
  expect(kinds(following)).toEqual(['cursor', 'cursor']);
  const { cursor } = following.responses.at(-1)!;
  await following.stop();
  const resumed = await begun({ cursor });
  await change('quiet', 1);
  await eventually(() => expect(kinds(resumed)).toEqual(['cursor', 'quiet']));
});

test('nobody who has left is waited for', async () => {
  const following = await begun();
  await change('restless', 1);
  await following.stop();
  clock.advance(10 * MAX_SILENT_MS);
  expect(kinds(following)).toEqual(['cursor']);
});
