/**
 * What tracing at 1 % costs, and tracing with metrics: CPU a delivery of a mesh that tells a collector of itself, beside
 * that of one that is told nothing of telemetry. On a busy machine that is what throughput comes to. Each mesh is one process with
 * its in-process servers: without Redis, Kafka and Dgraph, which tracing does not change, the share of it is the larger.
 *
 * The effect is smaller than what two equal processes differ by, from one moment to the next and from one start to the
 * next. So four meshes run at the same time under the same load, two of them plain: whatever the machine does in a
 * round, it does to all four. A round's overhead is the traced one's cost over the mean of the plain ones'; a quartet's
 * is the median of its rounds; and the result that of several quartets, each started anew. `tracing.control` is the same
 * for the two plain ones beside each other: 1, but for the noise that is left in the method.
 *
 * A round in which strangers kept any of the four from delivering what it was given is left out, whatever it cost.
 */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDisposer } from '../lib/lifecycle.ts';
import { startEmbedded, type EmbeddedMesh } from '../test/support/mesh.ts';
import { startOtlpEndpoint } from '../test/support/otlp-endpoint.ts';
import type { PropagationLoad } from './processes/propagation-load.ts';
import type { Benchmark, BenchmarkContext } from './support/benchmark.ts';
import { friendsOf, type Friendships } from './support/friendships.ts';
import { importFriendships } from './support/import-friendships.ts';
import { median } from './support/percentiles.ts';
import { exactCpuMsOf } from './support/process-cpu.ts';
import { startRemote, type Remote } from './support/remote.ts';
import { toResult, type Result } from './support/result.ts';

export const tracing: Benchmark = {
  name: 'tracing',
  about:
    'CPU a delivery with traces of 1 % on, and with metrics too, beside the same with telemetry off',
  run,
};

const USERS = 200;
const FRIENDS = 10;
const CHANGES_PER_SECOND = 150;
const HEARTBEAT_INTERVAL_MS = 5_000;
const WARM_UP_MS = 15_000;
const QUARTETS = 5;
const NO_METRICS = { OTEL_METRICS_EXPORTER: 'none' };
const ROUNDS = 20;
const ROUND_MS = 2_000;
/** What a round is given to deliver, and by how much of it what it delivers may differ. */
const DELIVERIES = (FRIENDS * CHANGES_PER_SECOND * ROUND_MS) / 1000;
const TOLERANCE = 0.1;

async function run(context: BenchmarkContext): Promise<readonly Result[]> {
  const dir = await mkdtemp(join(tmpdir(), 'presence-mesh-bench-'));
  try {
    const friendships = await ringOfFriends(dir);
    await using collector = await startCollector();
    const quartets: Quartet[] = [];
    for (let i = 0; i < QUARTETS; i++) {
      context.say(`quartet ${i + 1} of ${QUARTETS}`);
      quartets.push(
        await measureQuartet(context, { friendships, telemetry: collector.env, turn: i }),
      );
    }
    if (collector.requests() === 0) throw new Error('nothing reached the collector');
    return report(quartets);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** µs of CPU a delivery of each mesh in one round. */
type Costs = Readonly<Record<(typeof MESHES)[number], number>>;

/** `full` has metrics as well as traces. */
const MESHES = ['traced', 'full', 'plain', 'control'] as const;

interface Quartet {
  readonly rounds: readonly Costs[];
  readonly leftOut: number;
}

interface QuartetOptions {
  readonly friendships: Friendships;
  /** Environment of the one that has all. */
  readonly telemetry: Readonly<Record<string, string>>;
  /** Decides who is started first. */
  readonly turn: number;
}

async function measureQuartet(
  { clock }: BenchmarkContext,
  { friendships, telemetry, turn }: QuartetOptions,
): Promise<Quartet> {
  await using disposer = createDisposer();
  const meshes = {} as Record<keyof Costs, Loaded>;
  const envs = { traced: { ...telemetry, ...NO_METRICS }, full: telemetry, plain: {}, control: {} };
  for (const [i] of MESHES.entries()) {
    const name = MESHES[(i + turn) % MESHES.length]!;
    meshes[name] = disposer.add(await startLoaded(friendships, envs[name]));
  }
  // All at once: what has run for longer is compiled the better.
  for (const name of MESHES) await meshes[name].load.call('start', CHANGES_PER_SECOND);
  await clock.sleep(WARM_UP_MS);
  const rounds: Costs[] = [];
  let before = await readAll(meshes);
  for (let i = 0; i < ROUNDS; i++) {
    await clock.sleep(ROUND_MS);
    const after = await readAll(meshes);
    if (!isDisturbed(before, after)) rounds.push(costsOf(before, after));
    before = after;
  }
  if (rounds.length < ROUNDS / 2) throw new Error('tracing: the machine is too busy to tell');
  return { rounds, leftOut: ROUNDS - rounds.length };
}

interface Reading {
  readonly deliveries: number;
  readonly cpuMs: number;
}

type Readings = Readonly<Record<keyof Costs, Reading>>;

async function readAll(meshes: Readonly<Record<keyof Costs, Loaded>>): Promise<Readings> {
  const read = async ({ mesh, load }: Loaded): Promise<Reading> => ({
    deliveries: await load.call('delivered', undefined),
    cpuMs: mesh.pids().reduce((sum, pid) => sum + exactCpuMsOf(pid), 0),
  });
  const [traced, full, plain, control] = await Promise.all([
    read(meshes.traced),
    read(meshes.full),
    read(meshes.plain),
    read(meshes.control),
  ]);
  return { traced, full, plain, control };
}

function isDisturbed(before: Readings, after: Readings): boolean {
  return MESHES.some((name) => {
    const delivered = after[name].deliveries - before[name].deliveries;
    return Math.abs(delivered / DELIVERIES - 1) > TOLERANCE;
  });
}

function costsOf(before: Readings, after: Readings): Costs {
  const cost = (name: keyof Costs): number => {
    const deliveries = after[name].deliveries - before[name].deliveries;
    return (1000 * (after[name].cpuMs - before[name].cpuMs)) / deliveries;
  };
  return {
    traced: cost('traced'),
    full: cost('full'),
    plain: cost('plain'),
    control: cost('control'),
  };
}

function report(quartets: readonly Quartet[]): readonly Result[] {
  const plainOf = ({ plain, control }: Costs): number => (plain + control) / 2;
  const overheadOf = (costs: Costs): number => costs.traced / plainOf(costs);
  const fullOf = (costs: Costs): number => costs.full / plainOf(costs);
  const controlOf = ({ plain, control }: Costs): number => plain / control;
  const eachQuartet = (of: (costs: Costs) => number): number[] =>
    quartets.map(({ rounds }) => median(rounds.map(of)));
  const rounds = quartets.flatMap((quartet) => quartet.rounds);
  const result = (what: string, unit: string, samples: number[], baseline?: number[]): Result =>
    toResult({ name: `tracing.${what}`, unit, samples, ...(baseline && { baseline }) });
  return [
    result(
      'cpu',
      'µs of CPU a delivery',
      eachQuartet(({ traced }) => traced),
      eachQuartet(plainOf),
    ),
    result('overhead', '× plain, a quartet of processes', eachQuartet(overheadOf)),
    result('overhead.rounds', '× plain, a round', rounds.map(overheadOf)),
    result('with-metrics', '× plain, a quartet of processes', eachQuartet(fullOf)),
    result('with-metrics.rounds', '× plain, a round', rounds.map(fullOf)),
    result('control', '× another plain one, a quartet', eachQuartet(controlOf)),
    result('control.rounds', '× another plain one, a round', rounds.map(controlOf)),
    result(
      'left-out',
      `of ${ROUNDS} rounds a quartet, disturbed by other work`,
      quartets.map(({ leftOut }) => leftOut),
    ),
  ];
}

/** Everyone with those next to them. */
async function ringOfFriends(dir: string): Promise<Friendships> {
  const pairs = Array.from({ length: USERS }, (_, user) =>
    Array.from({ length: FRIENDS / 2 }, (_, i) => [user, (user + i + 1) % USERS] as const),
  ).flat();
  const file = join(dir, 'friends.tsv');
  await writeFile(file, pairs.map(([a, b]) => `${a}\t${b}\n`).join(''));
  return { file, source: 'a ring', pairs, users: USERS };
}

interface Collector extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  readonly requests: () => number;
}

/** Takes everything and keeps nothing. */
async function startCollector(): Promise<Collector> {
  let requests = 0;
  const endpoint = await startOtlpEndpoint(async (request) => {
    requests++;
    await once(request.resume(), 'end');
  });
  return {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.url,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.01',
      OTEL_METRIC_EXPORT_INTERVAL: '5000',
      OTEL_METRIC_EXPORT_TIMEOUT: '5000',
    },
    requests: () => requests,
    [Symbol.asyncDispose]: () => endpoint[Symbol.asyncDispose](),
  };
}

interface Loaded extends AsyncDisposable {
  readonly mesh: EmbeddedMesh;
  readonly load: Remote<PropagationLoad>;
}

async function startLoaded(
  friendships: Friendships,
  env: Readonly<Record<string, string>>,
): Promise<Loaded> {
  const heartbeatIntervalMs = HEARTBEAT_INTERVAL_MS;
  const settings = { MESH_HEARTBEAT_INTERVAL_MS: String(heartbeatIntervalMs), ...env };
  const disposer = createDisposer();
  const mesh = disposer.add(await startEmbedded(settings));
  await importFriendships(friendships, mesh.grpcAddress);
  const module = new URL('processes/propagation-load.js', import.meta.url);
  const load = disposer.add(await startRemote<PropagationLoad>(module));
  const ports = [Number(mesh.address.split(':')[1])];
  await load.call('connect', { ports, friends: friendsOf(friendships), heartbeatIntervalMs });
  await load.call('quiet', undefined);
  return { mesh, load, [Symbol.asyncDispose]: () => disposer[Symbol.asyncDispose]() };
}
