/** When which heartbeat goes where: a clock that is moved by hand, and presence processes that do as told. */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Heartbeats } from '../../gateway/heartbeats/heartbeats.ts';
import { Lease } from '../../gateway/heartbeats/lease.ts';
import {
  BeatResult,
  PresenceServiceClient,
  PresenceServiceService,
  type BatchOutcome,
  type ShardFloor,
  type StreamHeartbeatsRequest,
  type StreamHeartbeatsResponse,
} from '../../gen/presence/v1/presence_service.ts';
import { systemClock } from '../../lib/clock.ts';
import { createClientPool, type ClientPool } from '../../lib/grpc/client.ts';
import { createGrpcServer, type GrpcServer } from '../../lib/grpc/server.ts';
import { createReadiness } from '../../lib/readiness.ts';
import { eventually } from '../support/eventually.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { logger } from './in-process-mesh.ts';

type Call = ServerDuplexStream<StreamHeartbeatsRequest, StreamHeartbeatsResponse>;

/** A presence process: records batches, and answers as `answer` says; undefined means not at all. */
class Presence {
  readonly batches: StreamHeartbeatsRequest[] = [];
  answer: (batch: StreamHeartbeatsRequest) => Partial<BatchOutcome> | undefined = () => ({});
  calls: Call[] = [];
  server!: GrpcServer;

  async serve(port = 0): Promise<void> {
    const streamHeartbeats = (call: Call): void => {
      this.calls.push(call);
      call.write({ outcome: undefined, floors: [floor(0, 0n), floor(1, 0n)] });
      call.on('data', (batch: StreamHeartbeatsRequest) => {
        this.batches.push(batch);
        const answer = this.answer(batch);
        if (!answer) return;
        const outcome = { batchId: batch.batchId, failed: [], error: '', ...answer };
        call.write({ outcome, floors: [] });
      });
      call.on('end', () => call.end());
      call.on('error', () => undefined);
    };
    this.server = await createGrpcServer({
      services: [
        {
          name: 'presence.v1.PresenceService',
          definition: { streamHeartbeats: PresenceServiceService.streamHeartbeats },
          implementation: { streamHeartbeats },
          readiness: createReadiness([]),
        },
      ],
      host: '127.0.0.1',
      port,
      drainMs: 0,
      clock: systemClock,
    });
  }

  say(...floors: ShardFloor[]): void {
    for (const call of this.calls) call.write({ outcome: undefined, floors });
  }

  get beats() {
    return this.batches.flatMap(({ beats }) => beats);
  }
}

function floor(shard: number, value: bigint, holdMs = 0): ShardFloor {
  return { shard, floor: value, holdRemaining: { seconds: 0n, nanos: holdMs * 1e6 } };
}

let clock: ManualClock;
let presence: Presence;
let pool: ClientPool<PresenceServiceClient>;
let heartbeats: Heartbeats;
let problem: string | undefined;
let news: string[];

function start(servers: readonly Presence[]): void {
  pool = createClientPool({
    service: PresenceServiceClient,
    name: 'presence',
    addresses: servers.map(({ server }) => `127.0.0.1:${server.port}`),
    clock: systemClock,
  });
  heartbeats = new Heartbeats({
    clock,
    logger,
    presence: pool,
    onState: (state) => (problem = state),
    onDataLoss: (holdMs) => news.push(`hold ${holdMs}`),
  });
}

beforeEach(async () => {
  clock = createManualClock();
  presence = new Presence();
  problem = 'not reached yet';
  news = [];
  await presence.serve();
  start([presence]);
  await eventually(() => problem === undefined);
});

afterEach(async () => {
  heartbeats[Symbol.dispose]();
  pool[Symbol.dispose]();
  await presence.server[Symbol.asyncDispose]();
});

function track(userId: string, { shard = 0, beatsItself = false, leaseTtlMs = 30_000 } = {}) {
  const lease: Lease = new Lease(
    { userId, sessionId: `s-${userId}` },
    {
      onRefused: (result) => news.push(`${userId} refused ${result}`),
      onLapsed: () => {
        news.push(`${userId} lapsed`);
        heartbeats.untrack(lease);
      },
      onDataLoss: () => news.push(`${userId} data loss`),
    },
    { nowMs: clock.monotonic(), beatsItself },
  );
  lease.registered(shard, clock.monotonic(), clock.monotonic());
  heartbeats.track(lease, leaseTtlMs);
  return lease;
}

/** Moves the clock in steps, and lets every outcome arrive before the next one. */
async function advance(ms: number, leases: readonly Lease[], onStep?: () => void): Promise<void> {
  const endMs = clock.monotonic() + ms;
  while (clock.monotonic() < endMs) {
    clock.advance(250);
    onStep?.();
    await eventually(() => leases.every((lease) => lease.heardBeatAtMs === lease.sentBeatAtMs), {
      intervalMs: 1,
    });
  }
}

test('a session is refreshed at most every ten seconds, with its newest heartbeat and that one’s age', async () => {
  const lease = track('alice');
  const startMs = clock.monotonic();
  await advance(41_000, [lease], () => {
    if ((clock.monotonic() - startMs) % 5000 === 0) lease.beatAtMs = clock.monotonic();
  });
  expect(presence.beats).toHaveLength(4);
  for (const { userId, sessionId, ageMs } of presence.beats) {
    expect({ userId, sessionId }).toEqual({ userId: 'alice', sessionId: 's-alice' });
    expect(ageMs).toBeLessThanOrEqual(5000);
  }
  expect(news).toEqual([]);
});

test('the last heartbeat of a client that falls silent is passed on too, and then no more', async () => {
  const lease = track('alice');
  await advance(4000, [lease]);
  const beatAtMs = (lease.beatAtMs = clock.monotonic());
  await advance(25_000, [lease]);
  expect(presence.beats).toHaveLength(1);
  expect(lease.heardBeatAtMs).toBe(beatAtMs);
  expect(presence.beats[0]?.ageMs).toBeGreaterThanOrEqual(5000);
  expect(presence.beats[0]?.ageMs).toBeLessThanOrEqual(6600);
  await advance(6000, []);
  expect(news).toEqual(['alice lapsed']);
});

test('a connection that sends no heartbeats is beaten for', async () => {
  const lease = track('alice', { beatsItself: true });
  await advance(60_000, [lease]);
  expect(news).toEqual([]);
  expect(presence.beats.length).toBeGreaterThanOrEqual(6);
  expect(Math.max(...presence.beats.map(({ ageMs }) => ageMs))).toBeLessThan(300);
});

test('a shard’s sessions travel together, a thousand at most in one batch', async () => {
  const leases = Array.from({ length: 1500 }, (_, i) => track(`user${i}`, { shard: 1 }));
  clock.advance(9500);
  for (const lease of leases) lease.beatAtMs = clock.monotonic();
  clock.advance(1000);
  await eventually(() => presence.beats.length === 1500);
  expect(presence.batches.map(({ shard, beats }) => [shard, beats.length])).toEqual([
    [1, 1000],
    [1, 500],
  ]);
});

test('an outcome decides: refused ones are told, unknown ones are sent again', async () => {
  const [alice, bob] = [track('alice'), track('bob')];
  presence.answer = () => ({ error: 'Redis is away' });
  clock.advance(9500);
  for (const lease of [alice, bob]) lease.beatAtMs = clock.monotonic();
  const beatAtMs = clock.monotonic();
  clock.advance(1000);
  await eventually(() => presence.beats.length === 2 && alice.sentBeatAtMs < beatAtMs);
  presence.answer = () => ({
    failed: [{ sessionId: 's-bob', result: BeatResult.BEAT_RESULT_LAPSED }],
  });
  clock.advance(1000);
  await eventually(() => news.length > 0);
  expect(news).toEqual([`bob refused ${BeatResult.BEAT_RESULT_LAPSED}`]);
  expect(alice.heardBeatAtMs).toBe(beatAtMs);
  expect(presence.beats.slice(2).every(({ ageMs }) => ageMs >= 1000)).toBe(true);
});

test('without an answer the lease ends here too, and the stream is opened again', async () => {
  const lease = track('alice', { leaseTtlMs: 6000 });
  presence.answer = () => undefined;
  for (let i = 0; i < 14; i++) {
    clock.advance(500);
    lease.beatAtMs = clock.monotonic();
    await eventually(() => presence.batches.length > 0 || i < 5);
  }
  expect(news).toEqual(['alice lapsed']);
  await eventually(() => presence.calls.length > 1 || (clock.advance(100), false));
});

test('a raised floor is a loss of data: told to the sessions of the shard and to everyone', async () => {
  track('alice', { shard: 0 });
  track('bob', { shard: 1 });
  presence.say(floor(1, 5n, 500));
  await eventually(() => news.length === 2);
  expect(news).toEqual(['bob data loss', 'hold 500']);
  presence.say(floor(1, 5n), floor(0, 0n));
  heartbeats.noteFloor(1, 4n, 0);
  heartbeats.noteFloor(1, 6n, 20);
  expect(news.slice(2)).toEqual(['bob data loss', 'hold 20']);
});

test('when one process dies the other one is beaten through', async () => {
  heartbeats[Symbol.dispose]();
  pool[Symbol.dispose]();
  const other = new Presence();
  await other.serve();
  start([presence, other]);
  await eventually(() => presence.calls.length === 2 && other.calls.length === 1);
  await presence.server[Symbol.asyncDispose]();
  const lease = track('alice');
  await eventually(() => {
    clock.advance(200);
    lease.beatAtMs = clock.monotonic();
    return other.beats.length >= 3;
  });
  expect(problem).toBeUndefined();
  await other.server[Symbol.asyncDispose]();
  await eventually(() => problem !== undefined);
  expect(problem).toContain(String(other.server.port));
});
