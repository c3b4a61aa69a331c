/**
 * How late the end of a lease is seen: 500 users whose leases end within 10 s, beside N who stay. From the deadline in
 * Redis to the moment a fanout worker holds the transition to OFFLINE, both on this machine's clock.
 *
 * Baseline: the seed as it reads literally, one key with a TTL a user and a listener to keyspace notifications, beside
 * as many live keys: as Redis comes (hz 10), and at hz 100 with active-expire-effort 10, which is `tuned`. There, what
 * has not been heard PATIENCE_MS after the last deadline counts as that late, and as `unseen`. Nobody sends
 * heartbeats meanwhile, on either side.
 */
import { createRedisPresenceStore } from '../store/redis-presence-store.ts';
import { startRedis } from '../test/support/redis.ts';
import type { LatenessWorker } from './processes/lateness-worker.ts';
import type { Benchmark, BenchmarkContext } from './support/benchmark.ts';
import { addExpiringUsers, addLiveUsers } from './support/live-users.ts';
import { quantile } from './support/percentiles.ts';
import { openRawKeys } from './support/raw-keys.ts';
import { startRemote, type Remote } from './support/remote.ts';
import { toResult, type Result } from './support/result.ts';

export const lateness: Benchmark = {
  name: 'lateness',
  about: 'deadline of a lease to its end being seen, beside 100,000 and 1,000,000 live ones',
  run,
};

const LIVE = [100_000, 1_000_000] as const;
const SHARDS = 64;
const LEASE_TTL_MS = 3_600_000;
const EXPIRING = { users: 500, fromMs: 2000, overMs: 10_000 } as const;
const PATIENCE_MS = 60_000;
const ROUNDS = 3;
/** A million users are written at once; that makes Redis rewrite its log, and wait for the disk, as it would not later. */
const WITHOUT_REWRITES = { 'auto-aof-rewrite-percentage': '0' };
const FILL_TIMEOUT_MS = 60_000;

/** How late each expiry of a round was seen, ms. */
type Lateness = readonly number[];

async function run(context: BenchmarkContext): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const live of LIVE) {
    const raw = await measureRaw(context, live);
    const mesh = await measureMesh(context, live);
    results.push(...report(live, mesh, raw));
  }
  return results;
}

async function measureMesh(context: BenchmarkContext, live: number): Promise<readonly Lateness[]> {
  const { clock, say } = context;
  await using redis = await startRedis({ settings: WITHOUT_REWRITES });
  const options = { shardCount: SHARDS, leaseTtlMs: LEASE_TTL_MS };
  await using store = createRedisPresenceStore({
    ...{ urls: [redis.url], clock, commandTimeoutMs: FILL_TIMEOUT_MS },
    ...options,
  });
  say(`mesh: connecting ${live.toLocaleString('en')} users`);
  await addLiveUsers(store, live);
  await using worker = await startWorker();
  await worker.call('serve', { redisUrl: redis.url, ...options });
  const rounds: Lateness[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    say(`mesh: ${EXPIRING.users} leases end, round ${i + 1} of ${ROUNDS}`);
    const expiring = { clock, leaseTtlMs: LEASE_TTL_MS, round: `round-${i}`, ...EXPIRING };
    const deadlines = await addExpiringUsers(store, expiring);
    const seen = (): Promise<ReadonlyMap<string, number>> => worker.call('seen', undefined);
    rounds.push(await latenessOf(context, deadlines, seen));
  }
  return rounds;
}

function startWorker(): Promise<Remote<LatenessWorker>> {
  return startRemote(new URL('processes/lateness-worker.js', import.meta.url));
}

interface RawLateness {
  readonly plain: Lateness;
  readonly tuned: Lateness;
}

async function measureRaw(context: BenchmarkContext, live: number): Promise<RawLateness> {
  await using redis = await startRedis({ settings: WITHOUT_REWRITES });
  await using keys = await openRawKeys(redis.url, context.clock);
  context.say(`raw keyspace notifications: setting ${live.toLocaleString('en')} keys`);
  await keys.addLive(live);
  const measure = async (round: string): Promise<Lateness> => {
    context.say(`raw keyspace notifications: ${EXPIRING.users} keys expire, ${round}`);
    const deadlines = await keys.addExpiring({ round, ...EXPIRING });
    const late = await latenessOf(context, deadlines, () => Promise.resolve(keys.heard));
    await keys.remove([...deadlines.keys()]);
    return late;
  };
  const plain = await measure('plain');
  await keys.configure('hz', '100');
  await keys.configure('active-expire-effort', '10');
  return { plain, tuned: await measure('tuned') };
}

/** Waits until all are seen, or for as long as patience lasts. */
async function latenessOf(
  { clock }: BenchmarkContext,
  deadlines: ReadonlyMap<string, number>,
  seen: () => Promise<ReadonlyMap<string, number>>,
): Promise<Lateness> {
  const endMs = Math.max(...deadlines.values()) + PATIENCE_MS;
  const isOver = async (): Promise<boolean> => {
    const known = await seen();
    return clock.now() > endMs || [...deadlines.keys()].every((id) => known.has(id));
  };
  while (!(await isOver())) await clock.sleep(200);
  const known = await seen();
  return [...deadlines].map(([id, deadlineMs]) => {
    const seenMs = known.get(id);
    return seenMs === undefined ? PATIENCE_MS : Math.min(PATIENCE_MS, seenMs - deadlineMs);
  });
}

function report(live: number, mesh: readonly Lateness[], raw: RawLateness): Result[] {
  const name = `lateness.${live / 1000}k`;
  const quantities: [string, (late: Lateness) => number][] = [
    ['p50', (late) => quantile(late, 0.5)],
    ['p99', (late) => quantile(late, 0.99)],
    ['max', (late) => quantile(late, 1)],
  ];
  const results = quantities.flatMap(([what, of]) => {
    const measured = { unit: 'ms', samples: mesh.map(of) };
    return [
      toResult({ name: `${name}.${what}`, ...measured, baseline: [of(raw.plain)] }),
      toResult({ name: `${name}.${what}.tuned`, ...measured, baseline: [of(raw.tuned)] }),
    ];
  });
  const samples = mesh.map(unseen);
  const baseline = [unseen(raw.plain)];
  return [...results, toResult({ name: `${name}.unseen`, unit: '%', samples, baseline })];
}

function unseen(late: Lateness): number {
  return (100 * late.filter((ms) => ms >= PATIENCE_MS).length) / late.length;
}
