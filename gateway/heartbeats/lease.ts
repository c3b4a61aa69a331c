/** What the gateway knows of one session's lease. All times are monotonic, whole ms. */
import { Activity, type BeatResult } from '../../gen/presence/v1/presence_service.ts';

export interface LeaseOwner {
  /** The store did not extend the lease. */
  onRefused(result: BeatResult): void;
  /** The last deadline the store acknowledged has passed. */
  onLapsed(): void;
  /** The store may have lost the session. */
  onDataLoss(): void;
}

/** Long before any start; a whole number, which V8 keeps inside the object. */
const NEVER = -1_000_000_000;

export class Lease {
  readonly userId: string;
  readonly sessionId: string;
  readonly owner: LeaseOwner;
  /** True for a connection that sends no heartbeats: it is alive while it is there. */
  readonly beatsItself: boolean;
  /** Known once registered. */
  shard = 0;
  /** True while heartbeats.ts looks after it. */
  isTracked = false;
  /** What the client said last that it is doing. */
  activity: Activity = Activity.ACTIVITY_ACTIVE;
  /** How often the session changed its own status, as far as the store was told. */
  epoch = 0;
  /** When the last heartbeat came. */
  beatAtMs: number;
  /** The newest heartbeat under way to the store, and when it was sent. */
  sentBeatAtMs = NEVER;
  sentAtMs = NEVER;
  /** The newest heartbeat the store has heard: the lease runs from it. */
  heardBeatAtMs = NEVER;

  constructor(
    key: { readonly userId: string; readonly sessionId: string },
    owner: LeaseOwner,
    options: { readonly nowMs: number; readonly beatsItself: boolean },
  ) {
    this.userId = key.userId;
    this.sessionId = key.sessionId;
    this.owner = owner;
    this.beatsItself = options.beatsItself;
    this.beatAtMs = Math.trunc(options.nowMs);
  }

  /** The store has opened the session; the lease runs from this heartbeat. */
  registered(shard: number, beatAtMs: number, nowMs: number): void {
    this.shard = shard;
    this.heardBeatAtMs = beatAtMs;
    this.sent(beatAtMs, nowMs);
  }

  /** A heartbeat is on its way. */
  sent(beatAtMs: number, nowMs: number): void {
    this.sentBeatAtMs = beatAtMs;
    this.sentAtMs = nowMs;
  }

  /** The store has heard a heartbeat. */
  heard(beatAtMs: number): void {
    if (beatAtMs > this.heardBeatAtMs) this.heardBeatAtMs = beatAtMs;
    if (beatAtMs > this.sentBeatAtMs) this.sentBeatAtMs = beatAtMs;
  }

  /** The connection is over: until now it was alive if it beats itself. */
  ended(nowMs: number): void {
    if (this.beatsItself) this.beatAtMs = Math.trunc(nowMs);
  }

  /** How old the last heartbeat is, if it is not known that the store has heard it. */
  unheardBeatAgeMs(nowMs: number): number | undefined {
    if (this.beatAtMs <= this.heardBeatAtMs) return undefined;
    return Math.max(0, Math.trunc(nowMs) - this.beatAtMs);
  }

  /** Nobody knows what became of what was sent: send it again. */
  forgetSent(): void {
    this.sentBeatAtMs = this.heardBeatAtMs;
    this.sentAtMs = NEVER;
  }
}
