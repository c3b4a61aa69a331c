/**
 * Heartbeats of all sessions, coalesced: a session is refreshed in the store at most every third of its lease, always
 * with its newest heartbeat and that one's age, so that its deadline is exact all the same. Each shard is flushed once
 * a second, not all at one moment.
 *
 * When this process dies, deadlines in the store are at most one refresh interval early.
 */
import type { PresenceServiceClient } from '../../gen/presence/v1/presence_service.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import { durationMs } from '../../lib/durations.ts';
import type { ClientPool } from '../../lib/grpc/client.ts';
import type { Logger } from '../../lib/logger.ts';
import { Floors } from './floors.ts';
import type { Batch } from './heartbeat-stream.ts';
import { createHeartbeatStreams, type HeartbeatStreams } from './heartbeat-streams.ts';
import { LeaseBook } from './lease-book.ts';
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

const DEFAULT_LEASE_TTL_MS = 30_000;
const MAX_REFRESH_MS = 10_000;
const MAX_FLUSH_MS = 1000;
const MAX_BEATS = 1000;
/** Shards are flushed in so many groups, one after the other. */
const GROUPS = 16;
const POLL_MS = 5;

export class Heartbeats implements Disposable {
  readonly #options: HeartbeatsOptions;
  readonly #book = new LeaseBook();
  readonly #floors = new Floors();
  readonly #streams: HeartbeatStreams;
  #leaseTtlMs = DEFAULT_LEASE_TTL_MS;
  #group = 0;
  #timer: Timer;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
    this.#streams = createHeartbeatStreams({
      ...options,
      onFloors: (floors) => {
        for (const { shard, floor, holdRemaining } of floors) {
          this.noteFloor(shard, floor, durationMs(holdRemaining));
        }
      },
    });
    this.#timer = this.#schedule();
  }

  /** Lease of a session after a heartbeat, ms; the default until presence has said. */
  get leaseTtlMs(): number {
    return this.#leaseTtlMs;
  }

  /** Looks after a lease the store has just granted. */
  track(lease: Lease, leaseTtlMs: number): void {
    this.#leaseTtlMs = leaseTtlMs;
    this.#book.add(lease);
  }

  untrack(lease: Lease): void {
    this.#book.remove(lease);
  }

  /** What presence says of a shard. A raised floor means lost data: its sessions are told at once. */
  noteFloor(shard: number, floor: bigint, holdMs: number): void {
    if (!this.#floors.note(shard, floor)) return;
    const { logger, onDataLoss } = this.#options;
    logger.warn({ shard, holdMs }, 'a shard may have lost data: opening its sessions again');
    for (const lease of this.#book.of(shard)) lease.owner.onDataLoss();
    onDataLoss(holdMs);
  }

  /** Sends what has not been sent, without waiting for its turn; resolves when it was heard, or not in time. */
  async flushAll(): Promise<void> {
    const { clock } = this.#options;
    for (const shard of this.#book.shards()) this.#flush(shard, 0);
    const giveUpAtMs = clock.monotonic() + MAX_FLUSH_MS;
    while (this.#streams.isWaiting() && clock.monotonic() < giveUpAtMs) await clock.sleep(POLL_MS);
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
    this.#streams[Symbol.dispose]();
  }

  /** From one refresh of a session to the next. */
  get #refreshMs(): number {
    return Math.min(MAX_REFRESH_MS, this.#leaseTtlMs / 3);
  }

  /** From one flush of a shard to the next; divides the refresh interval. */
  get #flushMs(): number {
    return Math.min(MAX_FLUSH_MS, this.#refreshMs / 3);
  }

  #schedule(): Timer {
    return this.#options.clock.after(this.#flushMs / GROUPS, () => {
      this.#timer = this.#schedule();
      this.#flushNextGroup();
    });
  }

  #flushNextGroup(): void {
    this.#group = (this.#group + 1) % GROUPS;
    // Timers are never exact: half a flush early is nearer than half a flush late.
    const refreshMs = this.#refreshMs - this.#flushMs / 2;
    for (const shard of this.#book.shards()) {
      if (shard % GROUPS === this.#group) this.#flush(shard, refreshMs);
    }
    if (this.#group === 0) this.#streams.checkTimeouts();
  }

  #flush(shard: number, refreshMs: number): void {
    const nowMs = Math.trunc(this.#options.clock.monotonic());
    const due = this.#streams.isAnyLive() ? this.#book.due(shard, nowMs, refreshMs) : [];
    for (let from = 0; from < due.length; from += MAX_BEATS) {
      this.#streams.send(batchOf(shard, due.slice(from, from + MAX_BEATS), nowMs));
    }
    const lapsed = this.#book.heardBefore(shard, nowMs - this.#leaseTtlMs);
    for (const lease of lapsed) lease.owner.onLapsed();
  }
}

function batchOf(shard: number, leases: readonly Lease[], nowMs: number): Batch {
  const beatAtMs = leases.map((lease) => lease.beatAtMs);
  for (const lease of leases) lease.sent(lease.beatAtMs, nowMs);
  return { shard, leases, beatAtMs };
}
