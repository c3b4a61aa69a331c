/**
 * A celebrity with 1,000,000 followers in Dgraph, and 2,000 of them connected to one gateway, on the real stack, a
 * process of each part.
 *
 * - A change while nobody watches: what it costs all parts, beside the same of an ordinary user, in rounds that take
 *   turns, what all are while nothing changes taken off. Both have 44 friends of whom one is connected, so that one
 *   message a change has to go out, and whoever counts messages is seen to count. The difference is the followers.
 * - 2,000 followers watch: from the celebrity's write to the last of their sockets, at a random moment of the poll, and
 *   look-ups by the gateway, beside one follower who watches. All sockets are in one process, on one clock.
 * - The import of the followers, by `mesh import`, beside a bare writer of the same edges into the same Dgraph.
 *
 * Metrics are on in all parts: the gateway's own tells its look-ups.
 *
 * It fails when a follower who does not watch is told anything, when a message is for anyone but the friend, when one of
 * the 2,000 does not see a change, or when they take more look-ups than one viewer does.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOtlpReceiver } from '../test/support/otlp-receiver.ts';
import type { CelebrityLoad } from './processes/celebrity-load.ts';
import type { Benchmark, BenchmarkContext } from './support/benchmark.ts';
import {
  CELEBRITY,
  followers,
  FOLLOWERS,
  FRIEND_OF,
  ORDINARY,
  writeFollowers,
} from './support/celebrity-graph.ts';
import {
  measureUnwatched,
  measureWatched,
  type Changed,
  type Unwatched,
  type Watched,
} from './support/celebrity-rounds.ts';
import { importFriendships } from './support/import-friendships.ts';
import { median, quantile } from './support/percentiles.ts';
import { writeRawFollows } from './support/raw-follows.ts';
import { startRemote } from './support/remote.ts';
import { toResult, type Result } from './support/result.ts';
import { cpuPerEvent, othersOf, sumOf } from './support/rounds.ts';
import { startStack, type Stack } from './support/stack.ts';
import { countDeliveries } from './support/topic-deliveries.ts';

export const celebrity: Benchmark = {
  name: 'celebrity',
  about:
    '1,000,000 followers in Dgraph: cost of a change beside an ordinary user’s, 2,000 who watch',
  run,
};

const VIEWERS = 2_000;
const DEVICES = 6;
const HEARTBEAT_INTERVAL_MS = 5_000;
const WATCHED_CHANGES = 200;
const WATCHED_BY_ONE = 50;
const MAX_MORE_LOOKUPS = 1.1;
/** A round has 300 changes, and CPU comes in ticks of 10 ms: of less than three of these a change no ratio is told. */
const RESOLUTION_US = 100;
const RAW_FOLLOWERS = 100_000;
const RAW_BATCH = 10_000;
const EXPORT_MS = 1_000;

async function run(context: BenchmarkContext): Promise<readonly Result[]> {
  await using receiver = await startOtlpReceiver();
  context.say('starting Redis, Kafka, Dgraph and one process of each part');
  await using stack = await startStack({
    counts: {},
    settings: {
      MESH_HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_INTERVAL_MS),
      ...receiver.env,
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_METRIC_EXPORT_INTERVAL: String(EXPORT_MS),
      OTEL_METRIC_EXPORT_TIMEOUT: String(EXPORT_MS),
    },
  });
  const importMs = await importFollowers(context, stack);
  await using deliveries = await countDeliveries(stack.brokers, context.clock);
  await using load = await startRemote<CelebrityLoad>(moduleOf('celebrity-load'));
  context.say(`connecting ${VIEWERS} followers`);
  await load.call('connect', {
    port: stack.gatewayPorts[0]!,
    celebrity: CELEBRITY,
    ordinary: ORDINARY,
    friendOf: FRIEND_OF,
    viewers: followers(VIEWERS),
    devices: DEVICES,
    heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
  });
  const rounds = { context, stack, load, deliveries, receiver };
  const unwatched = await measureUnwatched(rounds);
  const one = await measureWatched(rounds, 1, WATCHED_BY_ONE);
  const all = await measureWatched(rounds, VIEWERS, WATCHED_CHANGES);
  const problems = await load.call('problems', undefined);
  if (problems.length > 0) throw new Error(`celebrity failed: ${problems[0]!}`);
  requireOneLookup(all, one);
  const rawMs = await writeRaw(context, stack);
  return [...reportUnwatched(unwatched), ...reportWatched(all, one), reportImport(importMs, rawMs)];
}

function moduleOf(name: string): URL {
  return new URL(`processes/${name}.js`, import.meta.url);
}

async function importFollowers({ clock, say }: BenchmarkContext, { mesh }: Stack): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'presence-mesh-bench-'));
  try {
    const file = await writeFollowers(dir);
    say(`importing ${FOLLOWERS.toLocaleString('en')} followers, a minute or two`);
    const startedAt = clock.monotonic();
    await importFriendships({ file }, mesh.graph[0]!.address);
    return clock.monotonic() - startedAt;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function requireOneLookup(all: Watched, one: Watched): void {
  const ratio = all.lookupsPerSecond / one.lookupsPerSecond;
  if (one.lookupsPerSecond > 0 && ratio <= MAX_MORE_LOOKUPS) return;
  const each = `${all.lookupsPerSecond.toFixed(2)} look-ups a second for ${all.viewers} viewers`;
  throw new Error(`celebrity failed: ${each}, ${one.lookupsPerSecond.toFixed(2)} for one`);
}

function writeRaw({ clock, say }: BenchmarkContext, { dgraphUrl }: Stack): Promise<number> {
  say(`a bare writer of ${RAW_FOLLOWERS.toLocaleString('en')} followers`);
  const newcomers = Array.from({ length: RAW_FOLLOWERS }, (_, i) => `raw-${i}`);
  const written = { followed: ORDINARY, followers: newcomers, batch: RAW_BATCH };
  return writeRawFollows({ clock, dgraphUrl, ...written });
}

function reportUnwatched({ celebrity, ordinary, idle }: Unwatched): readonly Result[] {
  const parts = Object.keys(idle[0]!.cpuMs);
  const idleShare = Object.fromEntries(
    parts.map((part) => [
      part,
      median(idle.map(({ cpuMs, elapsedMs }) => cpuMs[part]! / elapsedMs)),
    ]),
  );
  const cpuOf = (changed: readonly Changed[], part: string): number[] =>
    cpuPerEvent(
      changed.map(({ round }) => round),
      part,
      idleShare,
    );
  const totalOf = (changed: readonly Changed[]): number[] =>
    sumOf(...parts.map((part) => cpuOf(changed, part)));
  const unit = 'µs of CPU a change; an ordinary user’s';
  const result = (what: string, unit: string, samples: number[], baseline?: number[]): Result =>
    toResult({ name: `celebrity.${what}`, unit, samples, ...(baseline && { baseline }) });
  return [
    result('cpu', unit, totalOf(celebrity), totalOf(ordinary)),
    ...parts.map((part) => {
      const baseline = cpuOf(ordinary, part);
      const isTold = median(baseline) >= RESOLUTION_US;
      return result(`cpu.${part}`, unit, cpuOf(celebrity, part), isTold ? baseline : undefined);
    }),
    result(
      'messages',
      'to gateways a change; an ordinary user’s',
      celebrity.map(messagesAChange),
      ordinary.map(messagesAChange),
    ),
    result(
      'pushes',
      'to followers who do not watch',
      celebrity.map(({ totals }) => totals.pushed),
    ),
    result('strangers', 'cores used by other work', othersOf(celebrity.map(({ round }) => round))),
  ];
}

const messagesAChange = ({ messages, totals }: Changed): number => messages / totals.changes;

function reportWatched(all: Watched, one: Watched): readonly Result[] {
  const latency = (what: string, of: (watched: Watched) => readonly number[], q: number): Result =>
    toResult({
      name: `celebrity.watched.${what}`,
      unit: `ms, ${all.viewers} viewers; one`,
      samples: [quantile(of(all), q)],
      baseline: [quantile(of(one), q)],
    });
  return [
    latency('half.p50', ({ half }) => half, 0.5),
    latency('last.p50', ({ last }) => last, 0.5),
    latency('last.p99', ({ last }) => last, 0.99),
    latency('last.max', ({ last }) => last, 1),
    toResult({
      name: 'celebrity.watched.begin',
      unit: `ms until all are answered who begin at once, ${all.viewers}; one`,
      samples: [all.beginMs],
      baseline: [one.beginMs],
    }),
    toResult({
      name: 'celebrity.watched.lookups',
      unit: `a second, ${all.viewers} viewers; one`,
      samples: [all.lookupsPerSecond],
      baseline: [one.lookupsPerSecond],
    }),
    toResult({
      name: 'celebrity.watched.unseen',
      unit: `viewers that missed one of ${all.last.length} changes`,
      samples: [0],
    }),
  ];
}

function reportImport(importMs: number, rawMs: number): Result {
  return toResult({
    name: 'celebrity.import',
    unit: 'followers a second; a bare writer',
    samples: [(1000 * FOLLOWERS) / importMs],
    baseline: [(1000 * RAW_FOLLOWERS) / rawMs],
  });
}
