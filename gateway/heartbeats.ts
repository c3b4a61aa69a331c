/**
 * Heartbeats of all sessions, coalesced: a session is refreshed in the store at most every third of its lease, always
 * with its newest heartbeat and that one's age, so that its deadline is exact all the same. Each shard is flushed once
 * a second, not all at one moment.
 *
 * When this process dies, deadlines in the store are at most one refresh interval early.
 */
import type { PresenceServiceClient, ShardFloor } from '../gen/presence/v1/presence_service.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { durationMs } from '../lib/durations.ts';
import type { ClientPool } from '../lib/grpc/client.ts';
import type { Logger } from '../lib/logger.ts';
import { createHeartbeatStream, type Batch, type HeartbeatStream } from './heartbeat-stream.ts';
import type { Lease } from './lease.ts';

export interface HeartbeatsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly presence: ClientPool<PresenceServiceClient>;
  /** Some presence process hears us, or (a text) none does. */
  readonly onState: (problem: string | undefined) => void;
  /** A shard may have lost data: every view is to be read again after so many ms. */
  readonly onDataLoss: (holdMs: number) => void;
}

export interface Heartbeats extends Disposable {
  /** Lease of a session after a heartbeat, ms; the default until presence has said. */
  readonly leaseTtlMs: number;
  /** Looks after a lease the store has just granted. */
  track(lease: Lease, leaseTtlMs: number): void;
  untrack(lease: Lease): void;
  /** What presence says of a shard. A raised floor means lost data: its sessions are told at once. */
  noteFloor(shard: number, floor: bigint, holdMs: number): void;
  /** Sends what has not been sent, without waiting for its turn; resolves when it was heard, or not in time. */
  flushAll(): Promise<void>;
}

const DEFAULT_LEASE_TTL_MS = 30_000;
const MAX_REFRESH_MS = 10_000;
const MAX_FLUSH_MS = 1000;
const MAX_BEATS = 1000;
/** Shards are flushed in so many groups, one after the other. */
const GROUPS = 16;
const MAX_OUTCOME_MS = 3000;
const FLUSH_POLL_MS = 5;

export function createHeartbeats(options: HeartbeatsOptions): Heartbeats {
  const { clock } = options;
  const shards = new Map<number, Set<Lease>>();
  const floors = new Map<number, bigint>();
  const streams = openStreams(options, (news) => news.forEach(noteNews));
  let leaseTtlMs = DEFAULT_LEASE_TTL_MS;
  let group = 0;
  let turn = 0;
  let timer: Timer;

  const noteFloor = (shard: number, floor: bigint, holdMs: number): void => {
    const known = floors.get(shard);
    if (known !== undefined && known >= floor) return;
    floors.set(shard, floor);
    if (known === undefined) return;
    options.logger.warn(
      { shard, holdMs },
      'a shard may have lost data: opening its sessions again',
    );
    for (const lease of [...(shards.get(shard) ?? [])]) lease.owner.onDataLoss();
    options.onDataLoss(holdMs);
  };
  const noteNews = ({ shard, floor, holdRemaining }: ShardFloor): void =>
    noteFloor(shard, floor, durationMs(holdRemaining));

  const nextStream = (): HeartbeatStream | undefined => {
    const live = streams.filter((stream) => stream.isLive());
    return live[turn++ % live.length];
  };

  const flush = (shard: number, leases: Set<Lease>, refreshMs: number): void => {
    const stream = nextStream();
    const nowMs = clock.monotonic();
    const due = stream ? dueOf(leases, nowMs, refreshMs) : [];
    for (let from = 0; from < due.length; from += MAX_BEATS) {
      stream?.send(batchOf(shard, due.slice(from, from + MAX_BEATS), nowMs));
    }
    for (const lease of lapsedOf(leases, nowMs - leaseTtlMs)) lease.owner.onLapsed();
  };

  /** The interval from one refresh to the next: the wait for the shard's turn counts too. */
  const refreshMs = (): number => Math.min(MAX_REFRESH_MS, leaseTtlMs / 3) - flushMs();
  const flushMs = (): number => Math.min(MAX_FLUSH_MS, leaseTtlMs / 10);

  const flushGroup = (): void => {
    timer = clock.after(flushMs() / GROUPS, flushGroup);
    group = (group + 1) % GROUPS;
    for (const [shard, leases] of shards) {
      if (shard % GROUPS === group) flush(shard, leases, refreshMs());
    }
    if (group === 0) for (const stream of streams) stream.checkTimeout();
  };
  timer = clock.after(flushMs() / GROUPS, flushGroup);

  return {
    get leaseTtlMs() {
      return leaseTtlMs;
    },
    track(lease, ttlMs) {
      leaseTtlMs = ttlMs;
      lease.isTracked = true;
      const leases = shards.get(lease.shard);
      if (leases) leases.add(lease);
      else shards.set(lease.shard, new Set([lease]));
    },
    untrack(lease) {
      lease.isTracked = false;
      shards.get(lease.shard)?.delete(lease);
    },
    noteFloor,
    async flushAll() {
      for (const [shard, leases] of shards) flush(shard, leases, 0);
      const giveUpAtMs = clock.monotonic() + MAX_FLUSH_MS;
      while (streams.some((stream) => stream.isWaiting()) && clock.monotonic() < giveUpAtMs) {
        await clock.sleep(FLUSH_POLL_MS);
      }
    },
    [Symbol.dispose]() {
      timer.cancel();
      for (const stream of streams) stream[Symbol.dispose]();
    },
  };
}

function openStreams(
  options: HeartbeatsOptions,
  onFloors: (floors: readonly ShardFloor[]) => void,
): HeartbeatStream[] {
  const problems = new Map<string, string>();
  const { clients } = options.presence;
  return clients.map(({ address, client }) =>
    createHeartbeatStream({
      address,
      client,
      clock: options.clock,
      outcomeTimeoutMs: () => MAX_OUTCOME_MS,
      onFloors,
      onState: (problem) => {
        if (problem) problems.set(address, problem);
        else problems.delete(address);
        const all = [...problems.values()].join('; ');
        options.onState(problems.size === clients.length ? all : undefined);
      },
    }),
  );
}

/** Leases with a heartbeat that the store has not been sent, and whose turn it is. */
function dueOf(leases: Iterable<Lease>, nowMs: number, refreshMs: number): Lease[] {
  const due: Lease[] = [];
  for (const lease of leases) {
    if (lease.beatsItself) lease.beatAtMs = nowMs;
    if (lease.beatAtMs > lease.sentBeatAtMs && nowMs - lease.sentAtMs >= refreshMs) due.push(lease);
  }
  return due;
}

function lapsedOf(leases: Iterable<Lease>, lapsedBeforeMs: number): Lease[] {
  const lapsed: Lease[] = [];
  for (const lease of leases) if (lease.heardBeatAtMs < lapsedBeforeMs) lapsed.push(lease);
  return lapsed;
}

function batchOf(shard: number, leases: readonly Lease[], nowMs: number): Batch {
  const beatAtMs = leases.map((lease) => lease.beatAtMs);
  for (const lease of leases) lease.sent(lease.beatAtMs, nowMs);
  return { shard, leases, beatAtMs };
}
