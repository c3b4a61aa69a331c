/**
 * One shard in the care of this worker: swept when its bell rings, when a user of it is due, and now and then besides;
 * users found due are looked at, outbox entries are taken in hand. When this process dies, the shard's lease ends and
 * its next owner goes on.
 */
import type { Clock } from '../lib/clock.ts';
import { backoffMs } from '../lib/retry.ts';
import type { PresenceStore, SweepReply } from '../store/presence-store.ts';
import type { FanoutEvents } from './events.ts';
import { createExpirations } from './expirations.ts';
import type { ShardOutbox } from './outbox.ts';
import { createStoreClock } from './store-clock.ts';
import type { Upstream } from './upstream.ts';

export interface ShardLimits {
  /** A longer outbox is thrown away, and gateways pull. */
  readonly maxBacklog: number;
  /** So is one whose entries could not be delivered for this long, ms. */
  readonly maxStuckMs: number;
}

export interface ShardLoopOptions {
  readonly shard: number;
  readonly workerId: string;
  readonly store: Pick<PresenceStore, 'sweep' | 'look' | 'fence'>;
  readonly outbox: ShardOutbox;
  readonly clock: Clock;
  readonly limits: ShardLimits;
  readonly events: FanoutEvents;
  readonly redis: Upstream;
}

type OwnedReply = Extract<SweepReply, { owned: true }>;

/** A dead worker's shard is free this long after its last sweep, ms. */
const OWNER_TTL_MS = 1200;
/** Due users a sweep, and a look. */
const LIMIT = 128;
/** Time for entries in hand before a shard is given back, ms; what is left then, the next owner delivers too. */
const GIVE_BACK_MS = 1000;
const BACKOFF = { baseMs: 20, maxMs: 200 };
/**
 * Longest time between sweeps while nothing is due, ms: a bell that is not heard costs no more than this, the shard's
 * ownership is renewed, and a step of the store's clock is noticed.
 */
const IDLE_MS = 200;
/** How often somebody else's shard is asked for, ms. */
const ASK_MS = 50;

export class ShardLoop {
  readonly #options: ShardLoopOptions;
  readonly #expirations;
  readonly #storeClock;
  #isRunning = false;
  /** Settles with the sweep under way, or did with the last one. */
  #running = Promise.resolve();
  /** There was news during the sweep under way. */
  #again = false;
  #ended = false;
  #failures = 0;
  /** Monotonic: when to sweep next, unless there is news before. */
  #sweepAtMs = 0;
  #floor: number | undefined;
  #outboxLength = 0;

  constructor(options: ShardLoopOptions) {
    this.#options = options;
    this.#expirations = createExpirations(options.clock);
    this.#storeClock = createStoreClock(options.clock);
  }

  /** Entries in the shard's outbox, when it was last swept. */
  get outboxLength(): number {
    return this.#outboxLength;
  }

  /** Sweeps if it is time to, unless a sweep is under way. */
  tick(): void {
    if (!this.#isRunning && !this.#ended && this.#isTime()) this.#start();
  }

  /** Sweeps now, or again when the sweep under way is over. */
  ring(): void {
    if (this.#isRunning) this.#again = true;
    else if (!this.#ended && !this.#isPaused()) this.#start();
  }

  /** A user's key expired: looked at with the next sweep. */
  hint(userId: string): void {
    this.#expirations.hint(userId);
  }

  /** Stops sweeping, delivers what is in hand, gives the shard back. */
  async release(): Promise<void> {
    const { clock, outbox, redis, shard } = this.#options;
    this.#ended = true;
    await this.#running;
    const waiting = new AbortController();
    await Promise.race([
      outbox.idle(),
      clock.sleep(GIVE_BACK_MS, waiting.signal).catch(() => undefined),
    ]);
    waiting.abort();
    await this.#giveBack().catch(() => undefined); // its lease ends by itself
    redis.worked(nameOf(shard));
  }

  #start(): void {
    this.#isRunning = true;
    this.#running = this.#run();
  }

  #isTime(): boolean {
    return this.#isDue() || (this.#failures === 0 && this.#expirations.isWaiting());
  }

  #isDue(): boolean {
    return this.#options.clock.monotonic() >= this.#sweepAtMs;
  }

  /** After a failure not even news is a reason to sweep before it is time. */
  #isPaused(): boolean {
    return this.#failures > 0 && !this.#isDue();
  }

  async #run(): Promise<void> {
    try {
      do await this.#sweep();
      while (this.#takeNews() && !this.#ended);
      this.#worked();
    } catch (error) {
      this.#failed(error);
    }
    this.#isRunning = false;
  }

  /** Whether there was news since it was last asked. */
  #takeNews(): boolean {
    const news = this.#again;
    this.#again = false;
    return news;
  }

  async #sweep(): Promise<void> {
    const { store, shard, workerId, clock, outbox } = this.#options;
    const expectedNowMs = this.#storeClock.expectedNowMs();
    const askedAtMs = clock.monotonic();
    const reply = await store.sweep({
      ...{ shard, owner: workerId, ownerTtlMs: OWNER_TTL_MS, limit: LIMIT },
      ...outbox.window(),
      ...(expectedNowMs === undefined ? {} : { expectedNowMs }),
    });
    const isStepped = reply.owned && reply.isAhead && this.#storeClock.wasPutForward(reply.nowMs);
    this.#storeClock.note(reply.nowMs, askedAtMs);
    if (isStepped) await store.fence(shard, { truncate: false });
    if (reply.owned) await this.#work(reply);
    else this.#forget();
    this.#sweepAtMs = askedAtMs + (reply.owned ? this.#restMs(reply) : ASK_MS);
  }

  /** How long after that sweep the next one is due. */
  #restMs({ nowMs, nextDueMs, outboxLength }: OwnedReply): number {
    if (this.#options.outbox.isBehind(outboxLength)) return 0;
    return nextDueMs === undefined ? IDLE_MS : Math.min(IDLE_MS, nextDueMs + 1 - nowMs);
  }

  async #work(reply: OwnedReply): Promise<void> {
    this.#noteFloor(reply);
    this.#outboxLength = reply.outboxLength;
    this.#options.outbox.take(reply.outbox);
    // Nobody is looked at, hinted at or due, before it is clear what time it is.
    if (reply.isAhead) this.#again = true;
    else await this.#look(reply.due);
    await this.#truncateIfStuck(reply);
  }

  /** A look may end leases, and so fill the outbox; and more users may be due than a sweep returns. */
  async #look(due: readonly string[]): Promise<void> {
    const userIds = this.#expirations.toLookAt(due, LIMIT);
    if (userIds.length === 0) return;
    await this.#options.store.look(this.#options.shard, userIds);
    this.#again = true;
  }

  /** Above the floor of before, the outbox may be another one. */
  #noteFloor({ floor, holdMs }: OwnedReply): void {
    const { events, shard, outbox } = this.#options;
    if (this.#floor !== undefined && this.#floor !== floor) {
      events.fenceSeen(shard, floor, holdMs);
      outbox.rewind();
    }
    this.#floor = floor;
  }

  async #truncateIfStuck({ outboxLength }: OwnedReply): Promise<void> {
    const { limits, outbox, store, shard, events } = this.#options;
    const reason = stuckBecause(outboxLength, outbox.oldestMs(), limits);
    if (!reason) return;
    await store.fence(shard, { truncate: true });
    outbox.abandon();
    events.truncated(shard, outboxLength, reason);
  }

  /** Somebody else has the shard, and may do anything to it. */
  #forget(): void {
    this.#storeClock.forget();
    this.#floor = undefined;
    this.#outboxLength = 0;
    this.#options.outbox.rewind();
  }

  #worked(): void {
    this.#failures = 0;
    this.#options.redis.worked(nameOf(this.#options.shard));
  }

  #failed(error: unknown): void {
    const { clock, redis, shard } = this.#options;
    this.#sweepAtMs = clock.monotonic() + backoffMs(this.#failures++, BACKOFF, clock.random());
    redis.failed(error, nameOf(shard));
  }

  async #giveBack(): Promise<void> {
    const { store, shard, workerId } = this.#options;
    await store.sweep({ shard, owner: workerId, ownerTtlMs: 0, limit: 1 });
  }
}

function stuckBecause(length: number, oldestMs: number, limits: ShardLimits): string | undefined {
  if (length > limits.maxBacklog) return `${length} entries, at most ${limits.maxBacklog} are kept`;
  if (oldestMs > limits.maxStuckMs) return `an entry was not delivered in ${limits.maxStuckMs} ms`;
  return undefined;
}

const nameOf = (shard: number): string => `shard ${shard}`;
