/**
 * Port: users' sessions, settled statuses and routes. The only state of the mesh that must survive its processes.
 *
 * Contract, the same for every adapter (test/conformance/presence-store.ts runs over all of them):
 * - A user belongs to one shard, for the life of the deployment (`shardOf`). Every operation on one shard is atomic.
 * - A session is alive up to and including the millisecond of its deadline, by the store's own clock. Only a beat or
 *   an `open` moves the deadline later; nothing revives a closed or lapsed session but an `open`.
 * - Every operation that may change a user settles it: see `settle` in status.ts. A change of the visible status gets
 *   a new version, an entry in the log and one in the outbox in the same atomic step.
 * - An operation that fails has written nothing.
 * - When the store may have lost data, the shard is fenced: its floor rises above every version ever given out, and
 *   for the hold nobody lapses and nothing enters the outbox.
 */
import type { NotificationStore } from './notification-store.ts';
import type { Choice, ChosenStatus, ActivityStatus, VisibleStatus } from './status.ts';

/** What others see of a user. */
export interface Settled {
  readonly userId: string;
  readonly status: VisibleStatus;
  /** Strictly increasing per user; at least the shard's floor; 0 for a user never seen in a shard never fenced. */
  readonly version: number;
  /**
   * Last sign of life, ms since the epoch, of the store's clock; 0 when never seen: a heartbeat, or what the user did
   * since (`activity`, `choose`, a logout, an `announce` that renews PRESENT). It never decreases. While the user is
   * shown OFFLINE it is the last one known when they went OFFLINE, and does not move (an invisible user must not leak
   * activity).
   */
  readonly lastActiveMs: number;
}

/** State of a shard, returned by every operation that reads it. */
export interface ShardState {
  /** Versions at or below it are from before a possible loss of data. 0 = never fenced. */
  readonly floor: number;
  /** Remaining hold in ms; 0 when none is on. */
  readonly holdMs: number;
}

/** How a user looks who has been OFFLINE since a version, whatever this one has done: what of that is still kept. */
export interface Horizon {
  /** They are shown with no lower version: the floor of the shard, or what a change of their mode brought. */
  readonly floor: number;
  /** Of one from below this version nothing is known any more: all was lost since, or it is too long ago. */
  readonly forgottenBelow: number;
}

export type BeatOutcome = 'OK' | 'UNKNOWN' | 'LAPSED' | 'CLOSED' | 'EPOCH';

export interface Beat {
  readonly userId: string;
  readonly sessionId: string;
  /** ms since the heartbeat was received. */
  readonly ageMs: number;
  /** The session's counter of its own changes, as its gateway knows it. */
  readonly epoch: number;
}

export interface BeatReply extends ShardState {
  /** One per beat, in order. */
  readonly outcomes: readonly BeatOutcome[];
}

/** Why a settled status changed. ANNOUNCED: it did not, but some viewers must be told anew. */
export type Cause =
  'OPENED' | 'CHOSEN' | 'ACTIVITY' | 'EXPIRED' | 'CLOSED' | 'LOGOUT' | 'ANNOUNCED';

export type Renewal = 'PRESENT' | 'ALWAYS' | 'VIEW';
export type Quiet = 'ALL' | 'PULLED' | 'VIEW';

export type Change = {
  readonly userId: string;
  /** ms since its cause came: since a gateway received it, say; 0 when absent. */
  readonly causeAgeMs?: number;
} & (
  | {
      /**
       * Creates or replaces a session; its lease runs from `ageMs` ago. A user has at most 64 live ones: to make room
       * for a new one, those that are closing go first, and without any it is refused with a TooManySessionsError.
       */
      readonly kind: 'open';
      readonly sessionId: string;
      readonly gatewayId: string;
      readonly device: string;
      readonly activity: ActivityStatus;
      readonly epoch: number;
      readonly ageMs: number;
      /** W3C traceparent kept with the session; '' for none. */
      readonly trace: string;
      /** Kept only when newer than the choice stored, and another one. */
      readonly choice?: Choice;
    }
  | {
      /**
       * A session became active or idle: a sign of life of when its cause came. Refused (`sessionAlive` false) when it is
       * not alive or is closing.
       */
      readonly kind: 'activity';
      readonly sessionId: string;
      readonly activity: ActivityStatus;
      /** The session's epoch after the change. */
      readonly epoch: number;
      readonly trace: string;
    }
  | {
      /** The user chose a status, or (undefined) took the choice back: a sign of life of now. */
      readonly kind: 'choose';
      readonly chosen: ChosenStatus | undefined;
      readonly trace: string;
    }
  | {
      /**
       * Shortens a session to `graceMs` from now and takes it out of the routes; 0 removes it now: a logout, which of a
       * session that is alive is a sign of life of now.
       */
      readonly kind: 'close';
      readonly sessionId: string;
      readonly graceMs: number;
      /** ms since its last heartbeat, which counts as a beat that came before it closed; absent: there is none to tell. */
      readonly ageMs?: number;
      readonly trace: string;
    }
  | {
      /**
       * Makes an outbox entry for `only`, though the status stays. It has a new version only as `renew` says, since
       * others could tell from that that there was something to announce.
       */
      readonly kind: 'announce';
      /** Empty: there is no entry, only the graph revision rises. */
      readonly only: readonly string[];
      /**
       * `only` have been shown this version as OFFLINE, or the floor where that is higher: if the user is OFFLINE and
       * has not changed since, the entry is quiet for all.
       */
      readonly shownVersion?: number;
      /**
       * A new version: ALWAYS, or unless the user is OFFLINE; never when absent. ALWAYS: `only` see another mode, and
       * those from whom the user is hidden have a new version of them too (`Horizon`), the one that somebody would have
       * who left then. PRESENT: `only` see another status, by what the user did, as if it had changed: unless they are
       * OFFLINE it is a sign of life of now, and the entry is quiet for those who look up; and a user who is OFFLINE gets
       * one too when what `only` were shown and what they are to see are at the same version, since a fence or another
       * mode has raised both. VIEW: none, though `only` see another status, since the user did nothing: they are to read
       * all they see anew.
       */
      readonly renew?: Renewal;
      /** Raises the user's graph revision to at least this. Decimal string: it is a uint64. */
      readonly graphRevision: string;
      readonly trace: string;
    }
);

export interface ChangeReply extends ShardState {
  readonly settled: Settled;
  readonly chosen: ChosenStatus | undefined;
  readonly graphRevision: string;
  /** Of the session named by the change: it is alive now. True for choose and announce. */
  readonly sessionAlive: boolean;
}

/** A change of visible status, or an announcement, that waits to be fanned out. */
export interface OutboxEntry {
  /** Opaque; for `ack`. Entries of a shard are delivered in ascending order. */
  readonly entryId: string;
  readonly settled: Settled;
  readonly cause: Cause;
  /** When it was settled, ms since the epoch, of the store's clock. */
  readonly settledAtMs: number;
  /** When its cause came, of the store's clock, ms: the change, or the deadline of the session that died. */
  readonly causedAtMs: number;
  /** The audience must be read from the graph no older than this. */
  readonly graphRevision: string;
  /** When not empty: tell only these. */
  readonly only: readonly string[];
  /**
   * Those are sent nothing, though an edge changed. ALL: it is what they see already. PULLED: those to whom the user is
   * in pull mode, since they look up. VIEW: they are sent all they see anew. Absent: nobody.
   */
  readonly quiet?: Quiet | undefined;
  /** Of an announcement, which those may be told from whom the user is hidden. */
  readonly horizon?: Horizon | undefined;
  /** traceparent of the cause; of an expiry, that of the session that died. */
  readonly trace: string;
  /** The user came online, and there may be somebody who asked to be told: see `notifications`. */
  readonly awaited: boolean;
}

export interface SweepRequest {
  readonly shard: number;
  /** Who asks. A shard has one owner at a time, under a lease of `ownerTtlMs`. */
  readonly owner: string;
  /** Take or renew for this long, ms; 0 gives the shard back. */
  readonly ownerTtlMs: number;
  /**
   * The store's time now as the caller expects it, ms. If it is over 1 s earlier, the clock was put back, which is a
   * fence; if it is over 1 s later, the reply says so (`isAhead`).
   */
  readonly expectedNowMs?: number;
  /** At most so many due users and outbox entries. */
  readonly limit: number;
  /** At most so many outbox entries; `limit` when absent, 0 for none. */
  readonly outboxLimit?: number;
  /** Only outbox entries after this one, whether or not it is still there; from the head when absent. */
  readonly outboxAfter?: string;
}

export type SweepReply =
  | { readonly owned: false; readonly nowMs: number }
  | (ShardState & {
      readonly owned: true;
      /** The store's clock, ms since the epoch. */
      readonly nowMs: number;
      /**
       * The clock is over 1 s ahead of what was expected: it was put forward, or the request waited on its way. Then
       * nobody is due, and the caller, who knows how long it may have waited, fences the shard if that explains less.
       */
      readonly isAhead: boolean;
      /** Users whose earliest deadline has passed; none during a hold. */
      readonly due: readonly string[];
      /**
       * When to look at the first user of all, by the store's clock, ms; the end of a hold, if that is later; in the
       * past while users are due; absent for nobody. Whatever makes it earlier rings the bell.
       */
      readonly nextDueMs?: number;
      /** Head of the outbox, or what follows `outboxAfter`. */
      readonly outbox: readonly OutboxEntry[];
      /** Entries in the outbox in all. */
      readonly outboxLength: number;
    });

export interface LookupReply extends ShardState {
  /** One per user asked for, in order. */
  readonly settled: readonly Settled[];
  /** For those from whom the user is hidden; one per user, too. */
  readonly horizons: readonly Horizon[];
}

export interface SessionRecord {
  readonly sessionId: string;
  readonly gatewayId: string;
  readonly device: string;
  readonly activity: ActivityStatus;
  readonly lastBeatMs: number;
  /** ms of lease left; at least 0. */
  readonly remainingMs: number;
  readonly epoch: number;
  readonly closing: boolean;
  readonly trace: string;
}

export interface LogRecord {
  readonly atMs: number;
  readonly status: VisibleStatus;
  readonly version: number;
  readonly cause: Cause;
  readonly trace: string;
}

/** Everything known of one user, for operators. */
export interface Inspection extends ShardState {
  readonly shard: number;
  readonly nowMs: number;
  readonly settled: Settled;
  readonly chosen: ChosenStatus | undefined;
  readonly chosenAtMs: number;
  readonly graphRevision: string;
  /** Alive ones, the earliest deadline first. */
  readonly sessions: readonly SessionRecord[];
  /** The last 8 transitions, the newest first. */
  readonly log: readonly LogRecord[];
  readonly outboxLength: number;
  /** Something of this user waits in the outbox, or that is too long to be looked through. */
  readonly isWaiting: boolean;
}

/** One shard, for operators. */
export interface ShardInspection extends ShardState {
  /** The worker that has it, and for how long yet, ms; undefined while nobody has. */
  readonly owner: Lease | undefined;
  /** Users with a live session. */
  readonly users: number;
  readonly outboxLength: number;
}

export interface Lease {
  readonly id: string;
  readonly remainingMs: number;
}

/** Who keeps leases outside the shards. */
export type LeaseKind = 'gateways' | 'workers';

/** News the store volunteers; hints only, nothing depends on their arrival. */
export interface StoreListener {
  /** Something was appended to the shard's outbox, or somebody is to be looked at before all others. */
  onBell?(shard: number): void;
  /** The user's presence key expired. */
  onExpired?(userId: string): void;
}

export interface PresenceStore extends AsyncDisposable {
  readonly shardCount: number;
  shardOf(userId: string): number;
  /** Who asked to be told when a user comes online. */
  readonly notifications: NotificationStore;

  /** Extends sessions of users of one shard, at most 1,000. */
  beat(shard: number, beats: readonly Beat[]): Promise<BeatReply>;
  change(change: Change): Promise<ChangeReply>;
  sweep(request: SweepRequest): Promise<SweepReply>;
  /** Settles users of one shard that were found due, or hinted at. Idempotent. */
  look(shard: number, userIds: readonly string[]): Promise<void>;
  /**
   * Settled triples of users of one shard; none asked for = only the shard's state, and it fails where a change would,
   * as when Redis has no memory left.
   */
  lookup(shard: number, userIds: readonly string[]): Promise<LookupReply>;
  /** Removes exactly these entries from the shard's outbox. Idempotent. */
  ack(shard: number, entryIds: readonly string[]): Promise<void>;
  /** Fences a shard: raises the floor, starts a hold, and with `truncate` empties the outbox. */
  fence(shard: number, options: { readonly truncate: boolean }): Promise<ShardState>;

  /** Gateways with a live, not closing session of each user, in order; [] for none. Any shards. */
  routes(userIds: readonly string[]): Promise<readonly (readonly string[])[]>;
  inspect(userId: string): Promise<Inspection>;
  inspectShard(shard: number): Promise<ShardInspection>;

  /** Takes or renews a lease; 0 gives it back. Returns the remaining ms. */
  keepLease(kind: LeaseKind, id: string, ttlMs: number): Promise<number>;
  /** Leases alive, sorted by id. */
  listLeases(kind: LeaseKind): Promise<readonly Lease[]>;

  /** Subscribes to hints. Resolves when the subscription stands; the disposer ends it. */
  listen(listener: StoreListener): Promise<AsyncDisposable>;

  /**
   * Throws a SettingsError that names the server, the setting and the command that mends it.
   * The in-process adapter has nothing to check.
   */
  checkSettings(): Promise<void>;
  /** Called when a server has joined, whose settings nobody has checked. Never by the in-process adapter. */
  onServer(listener: () => void): Disposable;
}
