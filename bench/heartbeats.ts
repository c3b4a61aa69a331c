/**
 * What a heartbeat costs: socket → gateway → gRPC → presence → Redis, in CPU µs a beat by part.
 *
 * Time runs five times faster than by default: clients beat every second and leases last 6 s instead of 5 s and 30 s.
 * The gateway derives its refresh interval (a third of the lease) from that, so two beats still share one refresh, as
 * they do by default; and 8,000 sockets beat as often as 40,000 would, more than a process may open here. It flushes a
 * shard three times a refresh instead of ten, so there are 40 shards instead of 64: batches are then of the size (about
 * 65) that those 40,000 sockets would make by default. Nothing else is changed.
 *
 * Three baselines, in the same run, on the same sockets (the literal path beating slower, so that it can keep up):
 * - bare: a uWebSockets.js handler that drops the frame (and, for what the gateway's acks cost, one that answers it);
 * - SET: `redis-benchmark -P 64` with the seed's SET, on a Redis with the same settings;
 * - literal: the seed as written, one unary gRPC call and one SET a beat, nothing acknowledged to the client.
 *
 * What the parts do anyway (sweeps, watching shards, leases) does not grow with beats: it is measured before anyone is
 * connected, taken off, and reported as `idle`.
 */
import { hasTool } from '../cli/stack/tools.ts';
import { startRedis } from '../test/support/redis.ts';
import type { BareSockets } from './processes/bare-sockets.ts';
import type { HeartbeatCounts, HeartbeatLoad } from './processes/heartbeat-load.ts';
import type { LiteralGateway } from './processes/literal-gateway.ts';
import type { LiteralPresence } from './processes/literal-presence.ts';
import type { Benchmark, BenchmarkContext } from './support/benchmark.ts';
import type { Parts } from './support/process-cpu.ts';
import { countCalls } from './support/redis-calls.ts';
import { measureRedisSet } from './support/redis-set.ts';
import { startRemote, type Remote } from './support/remote.ts';
import { toResult, type Result } from './support/result.ts';
import {
  cpuPerEvent,
  measureIdle,
  measureRounds,
  othersOf,
  sumOf,
  type Cost,
  type Idle,
  type Round,
} from './support/rounds.ts';
import { startStack } from './support/stack.ts';

export const heartbeats: Benchmark = {
  name: 'heartbeats',
  about:
    'CPU a beat, socket to Redis, beside a handler that drops it, a bare SET and the seed as written',
  run,
};

const SOCKETS = 8_000;
const HEARTBEAT_INTERVAL_MS = 1000;
const LEASE_TTL_MS = 6_000;
const SHARDS = 40;
const LITERAL_HEARTBEAT_INTERVAL_MS = 4 * HEARTBEAT_INTERVAL_MS;
const MAX_BEATS_A_REFRESH = 2.3;
const WARM_UP_MS = 3_000;
const ROUNDS = 5;
const ROUND_MS = 3_000;
const IDLE_MS = 5_000;

const USER_IDS = Array.from({ length: SOCKETS }, (_, i) => `beater-${i}`);
const PARTS = ['gateway', 'presence', 'redis'] as const;

async function run(context: BenchmarkContext): Promise<readonly Result[]> {
  if (!hasTool('redis-benchmark'))
    throw new Error('no redis-benchmark: apt-get install redis-tools');
  const set = cpuPerEvent(await measureSet(context), 'redis');
  const bare = cpuPerEvent(await measureBare(context, 'drop'), 'gateway');
  const acking = cpuPerEvent(await measureBare(context, 'ack'), 'gateway');
  const literal = await measureLiteral(context);
  const mesh = await measureMesh(context);
  return report({ set, bare, acking, literal, ...mesh });
}

async function measureSet({ clock, say }: BenchmarkContext): Promise<readonly Cost[]> {
  say('redis-benchmark -P 64, SET … EX 30');
  await using redis = await startRedis();
  const [pid] = redis.pids();
  return await measureRedisSet({
    clock,
    port: redis.port,
    pid: pid!,
    rounds: ROUNDS,
    users: SOCKETS,
  });
}

async function measureBare(
  context: BenchmarkContext,
  kind: 'drop' | 'ack',
): Promise<readonly Round[]> {
  context.say(`a bare handler: ${kind} the frame`);
  await using server = await startRemote<BareSockets>(moduleOf('bare-sockets'));
  await using load = await startLoad();
  const port = await server.call('serve', { kind });
  await connect(load, [port], HEARTBEAT_INTERVAL_MS, true);
  const count = (): Promise<number> => server.call('frames', undefined);
  return await measure(context, load, { gateway: [server.pid] }, count);
}

async function measureLiteral(context: BenchmarkContext): Promise<readonly Round[]> {
  context.say('the seed as written: a unary call and a SET a beat');
  await using redis = await startRedis();
  await using presence = await startRemote<LiteralPresence>(moduleOf('literal-presence'));
  await using gateway = await startRemote<LiteralGateway>(moduleOf('literal-gateway'));
  await using load = await startLoad();
  const port = await gateway.call('serve', await presence.call('serve', redis.url));
  await connect(load, [port], LITERAL_HEARTBEAT_INTERVAL_MS, false);
  const parts = { gateway: [gateway.pid], presence: [presence.pid], redis: redis.pids() };
  const rounds = await measure(context, load, parts, () => presence.call('beats', undefined));
  const failures = await gateway.call('failures', undefined);
  if (failures > 0) throw new Error(`${failures} calls of the literal path failed`);
  return rounds;
}

interface Mesh {
  readonly rounds: readonly Round[];
  readonly idle: Idle;
  /** Heartbeats for each write to Redis. */
  readonly beatsARefresh: number;
}

async function measureMesh(context: BenchmarkContext): Promise<Mesh> {
  context.say('the mesh: starting Redis, Kafka, Dgraph and one process of each part');
  await using stack = await startStack({
    counts: {},
    settings: {
      MESH_HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_INTERVAL_MS),
      MESH_LEASE_TTL_MS: String(LEASE_TTL_MS),
      MESH_SHARDS: String(SHARDS),
    },
  });
  const { gateway, presence, redis } = stack.parts;
  const parts = { gateway, presence, redis } as const;
  const idle = await measureIdle({ clock: context.clock, parts, forMs: IDLE_MS });
  await using load = await startLoad();
  context.say(`connecting ${SOCKETS} sockets`);
  await connect(load, stack.gatewayPorts, HEARTBEAT_INTERVAL_MS, true);
  const count = async (): Promise<number> => (await load.call('counts', undefined)).acks;
  const refreshes = (): Promise<number> => countCalls(stack.redisUrl, 'set');
  const before = { beats: await count(), refreshes: await refreshes() };
  const rounds = await measure(context, load, parts, count);
  const beats = (await count()) - before.beats;
  const beatsARefresh = beats / ((await refreshes()) - before.refreshes);
  requireNatural(beatsARefresh);
  requireAllAcknowledged(await load.call('finish', undefined));
  return { rounds, idle, beatsARefresh };
}

function moduleOf(name: string): URL {
  return new URL(`processes/${name}.js`, import.meta.url);
}

function startLoad(): Promise<Remote<HeartbeatLoad>> {
  return startRemote<HeartbeatLoad>(moduleOf('heartbeat-load'));
}

function connect(
  load: Remote<HeartbeatLoad>,
  ports: readonly number[],
  heartbeatIntervalMs: number,
  awaitSnapshot: boolean,
): Promise<void> {
  return load.call('connect', { ports, userIds: USER_IDS, awaitSnapshot, heartbeatIntervalMs });
}

async function measure(
  { clock }: BenchmarkContext,
  { pid: loadPid }: Remote<HeartbeatLoad>,
  parts: Parts,
  count: () => Promise<number>,
): Promise<readonly Round[]> {
  await clock.sleep(WARM_UP_MS);
  return measureRounds({ clock, parts, loadPid, count, rounds: ROUNDS, roundMs: ROUND_MS });
}

/** With gateways too busy to refresh in time beats would look cheap. */
function requireNatural(beatsARefresh: number): void {
  if (beatsARefresh <= MAX_BEATS_A_REFRESH) return;
  const found = beatsARefresh.toFixed(2);
  throw new Error(`${found} beats share a refresh, by default 2: the machine is too busy to tell`);
}

/** Cheap beats that reach nobody would be no beats. */
function requireAllAcknowledged({ sent, acks, others, closed }: HeartbeatCounts): void {
  const problems = [
    ...(acks === sent ? [] : [`${acks} of ${sent} beats acknowledged`]),
    ...(others === 0 ? [] : [`${others} frames that are no acks, as after a lapse`]),
    ...(closed.length === 0 ? [] : [`${closed.length} sockets closed: ${closed[0]!}`]),
  ];
  if (problems.length > 0) throw new Error(`heartbeats failed: ${problems.join('; ')}`);
}

interface Measurements extends Mesh {
  /** CPU µs a SET. */
  readonly set: readonly number[];
  /** CPU µs a frame. */
  readonly bare: readonly number[];
  /** The same of one that answers, as the mesh does. */
  readonly acking: readonly number[];
  readonly literal: readonly Round[];
}

function report({
  set,
  bare,
  acking,
  literal,
  rounds,
  idle,
  beatsARefresh,
}: Measurements): readonly Result[] {
  const own = cpuByPart(rounds, idle);
  const theirs = cpuByPart(literal);
  const total = sumOf(own.gateway, own.presence, own.redis);
  const literalTotal = sumOf(theirs.gateway, theirs.presence, theirs.redis);
  const unit = 'µs of CPU a beat';
  const result = (
    what: string,
    unit: string,
    samples: readonly number[],
    baseline?: readonly number[],
  ): Result =>
    toResult({ name: `heartbeats.${what}`, unit, samples, ...(baseline && { baseline }) });
  return [
    result('beats', 'a second', rounds.map(perSecond), literal.map(perSecond)),
    result('beats-a-refresh', 'beats', [beatsARefresh]),
    result('cpu', `${unit}; bare + SET`, total, sumOf(bare, set)),
    result('cpu.gateway', `${unit}; bare`, own.gateway, bare),
    result('cpu.presence', unit, own.presence),
    result('cpu.redis', `${unit}; SET`, own.redis, set),
    result(
      'beats-a-cpu-second',
      'literal',
      total.map(perCpuSecond),
      literalTotal.map(perCpuSecond),
    ),
    result('bare.acking', `${unit}; bare`, acking, bare),
    ...PARTS.map((part) => result(`literal.${part}`, unit, theirs[part])),
    result('strangers', 'cores used by other work', othersOf(rounds)),
    ...PARTS.map((part) => result(`idle.${part}`, '% of a core', [100 * (idle[part] ?? 0)])),
  ];
}

function cpuByPart(
  rounds: readonly Round[],
  idle?: Idle,
): Record<(typeof PARTS)[number], number[]> {
  const of = (part: string): number[] => cpuPerEvent(rounds, part, idle);
  return { gateway: of('gateway'), presence: of('presence'), redis: of('redis') };
}

const perSecond = ({ events, elapsedMs }: Round): number => (1000 * events) / elapsedMs;
const perCpuSecond = (cpuUs: number): number => 1_000_000 / cpuUs;
