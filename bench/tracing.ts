/**
 * What tracing at 1 % and metrics cost: two whole meshes, each one process with its in-process servers, under the same
 * load at the same time; one tells a collector of itself, the other is told nothing of telemetry. CPU a delivery is
 * compared, since on a busy machine that is what throughput comes to. Without Redis, Kafka and Dgraph, which tracing
 * does not change, the share of it is the larger.
 */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDisposer } from '../lib/lifecycle.ts';
import { startEmbedded, type EmbeddedMesh } from '../test/support/mesh.ts';
import type { PropagationLoad } from './processes/propagation-load.ts';
import type { Benchmark, BenchmarkContext } from './support/benchmark.ts';
import { friendsOf, type Friendships } from './support/friendships.ts';
import { importFriendships } from './support/import-friendships.ts';
import { startRemote, type Remote } from './support/remote.ts';
import { toResult, type Result } from './support/result.ts';
import { cpuPerEvent, measureRounds, type Round } from './support/rounds.ts';

export const tracing: Benchmark = {
  name: 'tracing',
  about: 'CPU a delivery with traces of 1 % and metrics on, beside the same with telemetry off',
  run,
};

const USERS = 200;
const FRIENDS = 10;
const CHANGES_PER_SECOND = 100;
const HEARTBEAT_INTERVAL_MS = 5_000;
const WARM_UP_MS = 20_000;
const ROUNDS = 7;
const ROUND_MS = 3_000;

async function run(context: BenchmarkContext): Promise<readonly Result[]> {
  const dir = await mkdtemp(join(tmpdir(), 'presence-mesh-bench-'));
  try {
    const friendships = await ringOfFriends(dir);
    await using collector = await startCollector();
    await using plain = await startLoaded(friendships, {});
    await using traced = await startLoaded(friendships, collector.env);
    context.say('warming up');
    // Both at once: what has run for longer is compiled the better.
    for (const { load } of [plain, traced]) await load.call('start', CHANGES_PER_SECOND);
    await context.clock.sleep(WARM_UP_MS);
    const [without, withTracing] = await Promise.all([
      measure(context, plain),
      measure(context, traced),
    ]);
    if (collector.requests() === 0) throw new Error('nothing reached the collector');
    return [
      toResult({
        name: 'tracing.cpu',
        unit: 'µs of CPU a delivery',
        samples: cpuPerEvent(withTracing, 'mesh'),
        baseline: cpuPerEvent(without, 'mesh'),
      }),
    ];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
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
  const server = createServer((request, response) => {
    requests++;
    request.resume().on('end', () => response.writeHead(200).end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.01',
      OTEL_METRIC_EXPORT_INTERVAL: '5000',
      OTEL_METRIC_EXPORT_TIMEOUT: '5000',
    },
    requests: () => requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
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

function measure({ clock }: BenchmarkContext, { mesh, load }: Loaded): Promise<readonly Round[]> {
  const count = (): Promise<number> => load.call('delivered', undefined);
  return measureRounds({
    ...{ clock, count, rounds: ROUNDS, roundMs: ROUND_MS },
    parts: { mesh: mesh.pids() },
  });
}
