/**
 * A gateway dies, and all its clients come to another one at once: what a reconnect costs by part, how long the last of
 * them waits for its snapshot, and how late the friends who sit there already hear of each other meanwhile.
 *
 * The real stack (2 gateways, 2 presence, 2 fanout, 1 graph, all processes of their own, on Redis, Kafka and Dgraph),
 * Facebook's friendships, everyone connected to one gateway, which gets SIGKILL. Clients come 256 at a time, without
 * the jitter that they should have. 20 pairs of friends on the other gateway change status 20 times a second.
 *
 * Nobody is offline in between: leases outlive the gateway. So no friend may be sent an update, or the benchmark fails.
 *
 * Baseline: the machine's limit. The same crowd comes to a bare uWebSockets.js process that sends each a snapshot of
 * all their friends from its own memory.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BareSockets } from './processes/bare-sockets.ts';
import type { Crowd } from './processes/crowd.ts';
import type { PropagationLoad } from './processes/propagation-load.ts';
import type { Benchmark, BenchmarkContext } from './support/benchmark.ts';
import { friendsOf, readFriendships } from './support/friendships.ts';
import { importFriendships } from './support/import-friendships.ts';
import { quantile } from './support/percentiles.ts';
import { readCpu, type Parts } from './support/process-cpu.ts';
import { startRemote, type Remote } from './support/remote.ts';
import { toResult, type Result } from './support/result.ts';
import { cpuPerEvent, sumOf, type Cost } from './support/rounds.ts';
import { startStack, type Stack } from './support/stack.ts';

export const reconnects: Benchmark = {
  name: 'reconnects',
  about:
    'a gateway dies and thousands come to another at once: CPU each by part, and how long it takes',
  run,
};

const HEARTBEAT_INTERVAL_MS = 5_000;
const PAIRS = 20;
const CHANGES_PER_SECOND = 20;
const AT_ONCE = 256;
/** The first is to warm up. */
const ROUNDS = 4;

/** The pairs are the users 0 to 39, the crowd those after them. */
interface Scene {
  readonly pairs: readonly (readonly number[])[];
  readonly crowd: readonly (readonly number[])[];
  readonly userIds: readonly string[];
}

async function run(context: BenchmarkContext): Promise<readonly Result[]> {
  const dir = await mkdtemp(join(tmpdir(), 'presence-mesh-bench-'));
  try {
    const { source, users, pairs } = await readFriendships(dir);
    context.say(`${users} users, ${pairs.length} friendships (${source})`);
    const seated = Array.from({ length: PAIRS }, (_, i): [number, number] => [i, i + PAIRS]);
    const coming = pairs.map(([a, b]): [number, number] => [a + 2 * PAIRS, b + 2 * PAIRS]);
    const file = join(dir, 'all.tsv');
    await writeFile(file, [...seated, ...coming].map(([a, b]) => `${a}\t${b}\n`).join(''));
    const scene: Scene = {
      pairs: friendsOf({ pairs: seated, users: 2 * PAIRS }),
      crowd: friendsOf({ pairs, users }),
      userIds: Array.from({ length: users }, (_, i) => String(i + 2 * PAIRS)),
    };
    const bare = await measureBare(context, scene);
    const mesh = await measureMesh(context, scene, file);
    return report(mesh, bare);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Once all of the crowd have come. */
interface Coming extends Cost {
  /** How long each waited for the snapshot, ms. */
  readonly tookMs: Float64Array;
}

async function measureBare(
  { clock, say }: BenchmarkContext,
  { crowd: friends, userIds }: Scene,
): Promise<readonly Coming[]> {
  say('a bare server with snapshots from memory');
  await using server = await startRemote<BareSockets>(moduleOf('bare-sockets'));
  await using crowd = await startRemote<Crowd>(moduleOf('crowd'));
  const port = await server.call('serve', { kind: 'snapshot', friends, firstUser: 2 * PAIRS });
  const rounds: Coming[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    rounds.push(await measure({ clock, crowd, parts: { gateway: [server.pid] } }, userIds, port));
    await crowd.call('leave', undefined);
  }
  return rounds.slice(1);
}

interface Measured {
  readonly rounds: readonly Coming[];
  /** Of the pairs, one array a round, ms. */
  readonly latencies: readonly Float64Array[];
}

async function measureMesh(
  context: BenchmarkContext,
  scene: Scene,
  file: string,
): Promise<Measured> {
  const { say } = context;
  say('the mesh: starting Redis, Kafka, Dgraph and all parts');
  await using stack = await startStack({
    counts: { gateway: 2, presence: 2, fanout: 2, graph: 1 },
    settings: { MESH_HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_INTERVAL_MS) },
  });
  say('importing the friendships');
  await importFriendships({ file }, stack.mesh.graph[0]!.address);
  await using pairs = await startRemote<PropagationLoad>(moduleOf('propagation-load'));
  await using crowd = await startRemote<Crowd>(moduleOf('crowd'));
  const ports = stack.gatewayPorts.slice(1);
  const heartbeatIntervalMs = HEARTBEAT_INTERVAL_MS;
  await pairs.call('connect', { ports, friends: scene.pairs, heartbeatIntervalMs });
  await pairs.call('start', CHANGES_PER_SECOND);
  const rounds: Coming[] = [];
  const latencies: Float64Array[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const round = await measureDeath(context, stack, crowd, pairs, scene.userIds);
    rounds.push(round.coming);
    latencies.push(round.latencies);
  }
  const { expected, delivered, refused } = await pairs.call('finish', undefined);
  if (delivered !== expected || refused.length > 0) {
    throw new Error(
      `${delivered} of ${expected} changes of the pairs arrived; ${refused.join('; ')}`,
    );
  }
  return { rounds: rounds.slice(1), latencies: latencies.slice(1) };
}

async function measureDeath(
  { clock, say }: BenchmarkContext,
  stack: Stack,
  crowd: Remote<Crowd>,
  pairs: Remote<PropagationLoad>,
  userIds: readonly string[],
): Promise<{ readonly coming: Coming; readonly latencies: Float64Array }> {
  const [doomed] = stack.mesh.gateways;
  const survivor = stack.gatewayPorts[1]!;
  await doomed!.start();
  await come(crowd, userIds, doomed!.port);
  await crowd.call('quiet', undefined);
  await crowd.call('takeUpdates', undefined);
  await pairs.call('takeLatencies', undefined);
  say('the gateway dies');
  await doomed!.kill();
  await crowd.call('leave', undefined);
  const parts = { ...stack.parts, gateway: stack.mesh.gateways[1]!.pids() };
  const coming = await measure({ clock, crowd, parts }, userIds, survivor);
  const latencies = await pairs.call('takeLatencies', undefined);
  const updates = await crowd.call('takeUpdates', undefined);
  if (updates > 0) throw new Error(`${updates} updates were sent of users who never went offline`);
  say(`${userIds.length} came back in ${(coming.elapsedMs / 1000).toFixed(1)} s`);
  await crowd.call('leave', undefined);
  await crowd.call('quiet', undefined);
  return { coming, latencies };
}

function come(
  crowd: Remote<Crowd>,
  userIds: readonly string[],
  port: number,
): Promise<Float64Array> {
  const heartbeatIntervalMs = HEARTBEAT_INTERVAL_MS;
  return crowd.call('come', { port, userIds, atOnce: AT_ONCE, heartbeatIntervalMs });
}

async function measure(
  {
    clock,
    crowd,
    parts,
  }: Pick<BenchmarkContext, 'clock'> & { readonly crowd: Remote<Crowd>; readonly parts: Parts },
  userIds: readonly string[],
  port: number,
): Promise<Coming> {
  const before = { cpu: readCpu(parts), at: clock.monotonic() };
  const tookMs = await come(crowd, userIds, port);
  const after = { cpu: readCpu(parts), at: clock.monotonic() };
  const spent = Object.entries(after.cpu).map(([part, ms]) => [part, ms - before.cpu[part]!]);
  const cpuMs = Object.fromEntries(spent) as Cost['cpuMs'];
  return { events: userIds.length, elapsedMs: after.at - before.at, cpuMs, tookMs };
}

function moduleOf(name: string): URL {
  return new URL(`processes/${name}.js`, import.meta.url);
}

function report(mesh: Measured, bare: readonly Coming[]): readonly Result[] {
  const parts = Object.keys(mesh.rounds[0]!.cpuMs);
  const cpu = parts.map((part) => cpuPerEvent(mesh.rounds, part));
  const bareCpu = cpuPerEvent(bare, 'gateway');
  const unit = 'µs of CPU a reconnect';
  const waits = (rounds: readonly Coming[], q: number): number[] =>
    rounds.map(({ tookMs }) => quantile(tookMs, q));
  const late = (q: number): number[] => mesh.latencies.map((of) => quantile(of, q));
  const result = (name: string, unit: string, samples: number[], baseline?: number[]): Result =>
    toResult({ name: `reconnects.${name}`, unit, samples, ...(baseline && { baseline }) });
  return [
    result('cpu', unit, sumOf(...cpu), bareCpu),
    ...parts.map((part, i) => result(`cpu.${part}`, unit, cpu[i]!)),
    result(
      'all',
      'ms until the last one has its snapshot',
      mesh.rounds.map(({ elapsedMs }) => elapsedMs),
      bare.map(({ elapsedMs }) => elapsedMs),
    ),
    result(
      'p99',
      `ms for a snapshot, ${AT_ONCE} at a time`,
      waits(mesh.rounds, 0.99),
      waits(bare, 0.99),
    ),
    result('others.p50', 'ms, change to friend meanwhile', late(0.5)),
    result('others.p99', 'ms, change to friend meanwhile', late(0.99)),
    result('flicker', 'updates of users who were never offline', [0]),
  ];
}
