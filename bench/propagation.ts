/**
 * How long a change of status takes to reach a friend's socket, and what a delivery costs: the real stack (2 gateways,
 * 2 presence, 2 fanout, 1 graph, all processes of their own, on Redis, Kafka and Dgraph), Facebook's friendships,
 * every user connected and beating, 200 changes a second to about 44 friends each.
 *
 * Latency runs from the client's write to the friend's socket, both in the load's process, on one clock. Every friend
 * must get every change, or the benchmark fails.
 *
 * Baseline: the machine's limit. The same load against a bare uWebSockets.js process that pushes each change to the
 * friends' sockets from its own memory: nothing stored, nothing that outlives it.
 *
 * `cpu` is what deliveries add: what the same connected, beating, silent users cost (`idle`, measured just before) is
 * taken off, and reported beside it; `cpu-gross` takes nothing off.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BareSockets } from './processes/bare-sockets.ts';
import type { PropagationLoad, PropagationOutcome } from './processes/propagation-load.ts';
import type { Benchmark, BenchmarkContext } from './support/benchmark.ts';
import { friendsOf, readFriendships, type Friendships } from './support/friendships.ts';
import { importFriendships } from './support/import-friendships.ts';
import { quantile } from './support/percentiles.ts';
import type { Parts } from './support/process-cpu.ts';
import { startRemote, type Remote } from './support/remote.ts';
import { toResult, type Result, type ResultInput } from './support/result.ts';
import {
  cpuPerEvent,
  measureIdle,
  measureRounds,
  othersOf,
  sumOf,
  type Idle,
  type Round,
} from './support/rounds.ts';
import { startStack } from './support/stack.ts';

export const propagation: Benchmark = {
  name: 'propagation',
  about:
    'change of status to friends’ sockets on the real stack: latency, and CPU a delivery by part',
  run,
};

const CHANGES_PER_SECOND = 200;
const HEARTBEAT_INTERVAL_MS = 5_000;
/** Until the JVM of Kafka has compiled what is hot. */
const WARM_UP_MS = 15_000;
const ROUNDS = 5;
const ROUND_MS = 5_000;
const IDLE_MS = 10_000;

async function run(context: BenchmarkContext): Promise<readonly Result[]> {
  const dir = await mkdtemp(join(tmpdir(), 'presence-mesh-bench-'));
  try {
    const friendships = await readFriendships(dir);
    const { users, pairs, source } = friendships;
    context.say(`${users} users, ${pairs.length} friendships (${source})`);
    const bare = await measureBare(context, friendships);
    const mesh = await measureMesh(context, friendships);
    return report(mesh, bare);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** One round: what it took, and how late each delivery was. */
interface TimedRound extends Round {
  readonly latencies: Float64Array;
}

interface Measured {
  readonly rounds: readonly TimedRound[];
  readonly idle: Idle;
  readonly outcome: PropagationOutcome;
  readonly connectMs: number;
}

async function measureBare(context: BenchmarkContext, graph: Friendships): Promise<Measured> {
  context.say('a bare fan-out from memory');
  await using server = await startRemote<BareSockets>(moduleOf('bare-sockets'));
  const friends = friendsOf(graph);
  const port = await server.call('serve', { kind: 'fanout', friends });
  return await measure(context, { ports: [port], friends, parts: { gateway: [server.pid] } });
}

async function measureMesh(context: BenchmarkContext, graph: Friendships): Promise<Measured> {
  context.say('the mesh: starting Redis, Kafka, Dgraph and all parts');
  await using stack = await startStack({
    counts: { gateway: 2, presence: 2, fanout: 2, graph: 1 },
    settings: { MESH_HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_INTERVAL_MS) },
  });
  context.say('importing the friendships');
  await importFriendships(graph, stack.mesh.graph[0]!.address);
  return await measure(context, {
    ports: stack.gatewayPorts,
    friends: friendsOf(graph),
    parts: stack.parts,
  });
}

function moduleOf(name: string): URL {
  return new URL(`processes/${name}.js`, import.meta.url);
}

interface Target {
  readonly ports: readonly number[];
  readonly friends: readonly (readonly number[])[];
  readonly parts: Parts;
}

async function measure(context: BenchmarkContext, target: Target): Promise<Measured> {
  const { clock, say } = context;
  const { ports, friends, parts } = target;
  await using load = await startRemote<PropagationLoad>(moduleOf('propagation-load'));
  const heartbeatIntervalMs = HEARTBEAT_INTERVAL_MS;
  const connectMs = await load.call('connect', { ports, friends, heartbeatIntervalMs });
  say(`${friends.length} sockets open in ${(connectMs / 1000).toFixed(1)} s`);
  await load.call('quiet', undefined);
  const idle = await measureIdle({ clock, parts, forMs: IDLE_MS });
  await load.call('start', CHANGES_PER_SECOND);
  await clock.sleep(WARM_UP_MS);
  const rounds = await measureTimedRounds(context, parts, load);
  const outcome = await load.call('finish', undefined);
  requireComplete(outcome);
  say(`${outcome.changes} changes, ${outcome.delivered} deliveries, ${outcome.repeated} repeated`);
  return { rounds, idle, outcome, connectMs };
}

async function measureTimedRounds(
  { clock }: BenchmarkContext,
  parts: Parts,
  load: Remote<PropagationLoad>,
): Promise<readonly TimedRound[]> {
  const rounds: TimedRound[] = [];
  await load.call('takeLatencies', undefined);
  const count = (): Promise<number> => load.call('delivered', undefined);
  for (let i = 0; i < ROUNDS; i++) {
    const once = { clock, parts, loadPid: load.pid, count, rounds: 1, roundMs: ROUND_MS };
    const [round] = await measureRounds(once);
    rounds.push({ ...round!, latencies: await load.call('takeLatencies', undefined) });
  }
  return rounds;
}

/** A figure that leaves somebody out would be no figure. */
function requireComplete(outcome: PropagationOutcome): void {
  const { expected, delivered, unexpected, closed, refused } = outcome;
  const problems = [
    ...(delivered === expected ? [] : [`${delivered} of ${expected} deliveries arrived`]),
    ...unexpected,
    ...(closed.length === 0 ? [] : [`${closed.length} sockets closed: ${closed[0]!}`]),
    ...(refused.length === 0 ? [] : [`${refused.length} frames refused: ${refused[0]!}`]),
  ];
  if (problems.length > 0) throw new Error(`propagation failed: ${problems.join('; ')}`);
}

function report(mesh: Measured, bare: Measured): readonly Result[] {
  const result = (what: string, rest: Omit<ResultInput, 'name'>): Result =>
    toResult({ name: `propagation.${what}`, ...rest });
  const latency = (what: string, q: number): Result =>
    result(what, { unit: 'ms', samples: latenciesAt(mesh, q), baseline: latenciesAt(bare, q) });
  const parts = Object.keys(mesh.idle);
  const net = parts.map((part) => cpuPerEvent(mesh.rounds, part, mesh.idle));
  const gross = parts.map((part) => cpuPerEvent(mesh.rounds, part));
  const bareNet = cpuPerEvent(bare.rounds, 'gateway', bare.idle);
  const unit = 'µs of CPU a delivery';
  return [
    latency('p50', 0.5),
    latency('p99', 0.99),
    latency('max', 1),
    result('deliveries', {
      unit: 'a second',
      samples: mesh.rounds.map(perSecond),
      baseline: bare.rounds.map(perSecond),
    }),
    result('cpu', { unit, samples: sumOf(...net), baseline: bareNet }),
    ...parts.map((part, i) => result(`cpu.${part}`, { unit, samples: net[i]! })),
    result('cpu-gross', {
      unit,
      samples: sumOf(...gross),
      baseline: cpuPerEvent(bare.rounds, 'gateway'),
    }),
    ...parts.map((part) =>
      result(`idle.${part}`, { unit: '% of a core', samples: [100 * mesh.idle[part]!] }),
    ),
    result('strangers', {
      unit: 'cores used by other work',
      samples: othersOf(mesh.rounds),
      baseline: othersOf(bare.rounds),
    }),
    result('opening', {
      unit: 'ms for all sockets with their snapshots',
      samples: [mesh.connectMs],
      baseline: [bare.connectMs],
    }),
    result('missing', {
      unit: 'deliveries',
      samples: [mesh.outcome.expected - mesh.outcome.delivered],
    }),
    result('repeated', { unit: 'deliveries', samples: [mesh.outcome.repeated] }),
  ];
}

function latenciesAt({ rounds }: Measured, q: number): number[] {
  return rounds.map(({ latencies }) => quantile(latencies, q));
}

function perSecond({ events, elapsedMs }: Round): number {
  return (1000 * events) / elapsedMs;
}
