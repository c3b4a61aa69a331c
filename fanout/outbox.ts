/**
 * One shard's outbox as its owner works through it. Nothing here outlives the process, and nothing needs to: an entry
 * leaves the store only by `ack`, after Kafka has acknowledged all its messages; when this process dies, the shard's
 * next owner reads from the head and delivers again what was not acknowledged.
 */
import { createBatcher } from '../lib/batcher.ts';
import type { Clock } from '../lib/clock.ts';
import { retry } from '../lib/retry.ts';
import type { OutboxEntry, PresenceStore, SweepRequest } from '../store/presence-store.ts';
import type { Dispatch } from './dispatcher.ts';
import type { FanoutEvents } from './events.ts';
import { createSubjects, type InHand } from './in-hand.ts';
import { endWait } from './journey.ts';
import type { Upstream } from './upstream.ts';

/** How many more entries the worker may take in hand, over all its shards. */
export interface Capacity {
  free: number;
}

export interface ShardOutboxOptions {
  readonly shard: number;
  readonly store: Pick<PresenceStore, 'ack'>;
  readonly clock: Clock;
  readonly dispatch: Dispatch;
  readonly capacity: Capacity;
  readonly events: FanoutEvents;
  readonly redis: Upstream;
  readonly signal: AbortSignal;
}

/** Which entries a sweep asks for. */
export type OutboxWindow = Pick<SweepRequest, 'outboxLimit' | 'outboxAfter'>;

const BACKOFF = { baseMs: 20, maxMs: 200 };
/** Entries a sweep. */
const READ_LIMIT = 128;
/** Entries an acknowledgement. */
const ACK_LIMIT = 512;
/** How often the head is read even though it was read before, ms: whatever was missed is found. */
const REREAD_MS = 1000;

export class ShardOutbox {
  readonly #options: ShardOutboxOptions;
  readonly #remove: (entryId: string) => Promise<undefined>;
  readonly #inHand = new Map<string, InHand>();
  readonly #subjects = createSubjects();
  #finished: string[] = [];
  /** Whose delivery broke: they are in the outbox still, and taken in hand again when its head is read. */
  readonly #broken = new Set<string>();
  #idleWaiters: (() => void)[] = [];
  /** The last entry read. */
  #cursor: string | undefined;
  #headReadAtMs = 0;
  #isReread = false;

  constructor(options: ShardOutboxOptions) {
    this.#options = options;
    this.#remove = createBatcher({
      call: (entryIds) => acknowledge(options, entryIds),
      maxWeight: ACK_LIMIT,
    });
  }

  /** To be called as a sweep begins; sweeps of a shard do not overlap. */
  window(): OutboxWindow {
    // A sweep that begins now cannot return what was acknowledged before.
    for (const entryId of this.#finished) this.#inHand.delete(entryId);
    this.#finished = [];
    const { clock, capacity } = this.#options;
    const outboxLimit = Math.max(0, Math.min(READ_LIMIT, capacity.free));
    const outboxAfter = this.#cursor;
    this.#isReread =
      outboxAfter !== undefined && clock.monotonic() - this.#headReadAtMs > REREAD_MS;
    if (outboxAfter !== undefined && !this.#isReread) return { outboxLimit, outboxAfter };
    this.#headReadAtMs = clock.monotonic();
    return { outboxLimit };
  }

  /** Takes in hand what that sweep returned, except what is in hand already. */
  take(entries: readonly OutboxEntry[]): void {
    for (const entry of entries) {
      const isNew = !this.#inHand.has(entry.entryId);
      if (isNew && this.#options.capacity.free <= 0) return;
      if (isNew) this.#takeOne(entry);
      if (!this.#isReread) this.#cursor = entry.entryId;
    }
  }

  /** Whether an outbox of this length, when it was last read, has entries that were never in hand. */
  isBehind(length: number): boolean {
    return length > this.#inHand.size - this.#finished.length + this.#broken.size;
  }

  /** Next time, read from the head: the outbox may not be the one that was read. */
  rewind(): void {
    this.#cursor = undefined;
    this.#broken.clear();
  }

  /** Makes no more effort for what is in hand. */
  abandon(): void {
    for (const item of this.#inHand.values()) item.abandoned = true;
  }

  /** How long the oldest entry has been in hand, ms; 0 when none is. */
  oldestMs(): number {
    for (const item of this.#inHand.values()) {
      if (!item.finished && !item.abandoned) {
        return this.#options.clock.monotonic() - item.takenAtMs;
      }
    }
    return 0;
  }

  /** Resolves when nothing is in hand. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  #isIdle(): boolean {
    return this.#finished.length === this.#inHand.size;
  }

  #takeOne(entry: OutboxEntry): void {
    const { capacity, clock, events } = this.#options;
    const nowMs = clock.now();
    events.taken(entry, nowMs);
    const item: InHand = {
      ...{ entry, takenAtMs: clock.monotonic(), planned: Promise.resolve() },
      trace: endWait(entry, nowMs),
      ...{ superseded: false, abandoned: false, finished: false },
    };
    this.#inHand.set(entry.entryId, item);
    this.#broken.delete(entry.entryId);
    capacity.free--;
    void this.#deliver(item, this.#subjects.add(item));
  }

  async #deliver(item: InHand, previous: InHand | undefined): Promise<void> {
    const { dispatch, events, signal } = this.#options;
    try {
      await dispatch(item, previous);
      if (!item.abandoned) await this.#remove(item.entry.entryId);
    } catch (error) {
      if (!item.abandoned) this.#broken.add(item.entry.entryId);
      if (!signal.aborted) events.deliveryBroke(item.entry, error);
    }
    this.#finish(item);
  }

  #finish(item: InHand): void {
    item.finished = true;
    this.#finished.push(item.entry.entryId);
    this.#subjects.remove(item);
    this.#options.capacity.free++;
    if (!this.#isIdle()) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }
}

async function acknowledge(
  { shard, store, clock, signal, redis }: ShardOutboxOptions,
  entryIds: readonly string[],
): Promise<undefined[]> {
  const what = `ack of shard ${shard}`;
  const onFailure = (error: unknown): void => redis.failed(error, what);
  await retry(() => store.ack(shard, entryIds), { clock, signal, backoff: BACKOFF, onFailure });
  redis.worked(what);
  return entryIds.map(() => undefined);
}
