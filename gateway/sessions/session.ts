/**
 * One connection of one user: opens a session, keeps its view right, and opens it again after whatever ended it.
 *
 * Two orders carry the promises. On opening: deliveries wait, then the session is registered, then contacts are read
 * no older than the registration, then their presence, then the snapshot goes out, then what waited. And every
 * registration, first or not, is followed by a snapshot.
 */
import { status as rpcStatus } from '@grpc/grpc-js';
import { ErrorCode } from '../../gen/edge/v1/frames.ts';
import type { Status } from '../../gen/presence/v1/presence.ts';
import { BeatResult, type Activity } from '../../gen/presence/v1/presence_service.ts';
import {
  CloseReason,
  type RegisterSessionResponse,
} from '../../gen/registry/v1/registry_service.ts';
import { durationMs, toDuration } from '../../lib/durations.ts';
import { messageOf, RpcError } from '../../lib/errors.ts';
import { ClientTrace } from '../upstreams/client-trace.ts';
import { CLOSE, type CloseCode } from '../protocol/close-codes.ts';
import { Lease, type LeaseOwner } from '../heartbeats/lease.ts';
import type { Outlet } from './outlet.ts';
import { Postponed } from './postponed.ts';
import { Registration, type Registered } from './registration.ts';
import type { ServerMessage } from '../protocol/server-frames.ts';
import type { SessionContext, SessionOptions } from './session-options.ts';
import { StatusChanges } from './status-changes.ts';
import { Need, StepKeeper } from './step-keeper.ts';
import type { SubjectChange } from '../protocol/subject-change.ts';
import type { Watch } from './watch-list.ts';

export type SessionState =
  /** The client has no view yet. Deliveries wait. */
  | 'opening'
  /** Being registered again. The client has a view, and deliveries go on. */
  | 'reopening'
  /** The snapshot is being read or sent. Deliveries wait for its last part. */
  | 'snapshotting'
  /** Deliveries go straight out. */
  | 'open'
  /** The client has been silent for a whole lease. Its next heartbeat opens the session again. */
  | 'lapsed'
  /** Over. */
  | 'closed';

/** Snapshots that many sessions need at the same time are spread over this long. */
const SNAPSHOT_JITTER_MS = 1000;
/** A view may be thousands of users. Those of one user have a limit besides, in shared-views.ts. */
const MIN_RESYNC_MS = 1000;
/** A client that has not read what was sent for this long is told to go. */
const MAX_SLOW_MS = 30_000;
/** A client that could not be registered for this long is sent to look for another gateway. */
const MAX_MISSING_MS = 30_000;

export class Session implements LeaseOwner {
  readonly id: string;
  readonly userId: string;
  readonly lease: Lease;
  readonly outlet: Outlet;
  /** Subjects in pull mode that the client looks at; see watches.ts. */
  watching: Map<string, Watch> | undefined;
  readonly #context: SessionContext;
  readonly #options: SessionOptions;
  readonly #trace: ClientTrace;
  readonly #changes: StatusChanges;
  readonly #registration: Registration;
  readonly #steps: StepKeeper;
  /** Another snapshot, after a hold. */
  readonly #later: Postponed;
  #state: SessionState = 'opening';
  #graphRevision = 0n;
  /** To be sent with the next snapshot. */
  #welcome: ServerMessage | undefined;
  #hasView = false;
  /** When its client was sent the last snapshot. */
  #viewedAtMs = -Infinity;
  #isGoingAway = false;

  constructor(context: SessionContext, options: SessionOptions) {
    this.#context = context;
    this.#options = options;
    this.id = context.clock.uuid();
    this.userId = options.userId;
    this.outlet = options.outlet;
    const nowMs = context.clock.monotonic();
    const key = { userId: options.userId, sessionId: this.id };
    this.lease = new Lease(key, this, { nowMs, beatsItself: options.beatsItself });
    const { traceparent: brought, linked } = options;
    this.#trace = new ClientTrace({ session: key, brought, linked, clock: context.clock });
    this.#steps = new StepKeeper({
      clock: context.clock,
      register: () => this.#register(),
      snapshot: () => this.#snapshot(),
      onFailure: (error) => {
        context.logger.debug({ err: error, userId: this.userId }, 'a session is out of step');
      },
    });
    this.#later = new Postponed(context.clock, SNAPSHOT_JITTER_MS, () =>
      this.#require(Need.snapshot),
    );
    this.#changes = new StatusChanges({
      ...context,
      lease: this.lease,
      trace: this.#trace,
      whenRegistered: () => this.#registration.settled,
      onSessionMissing: () => this.#require(Need.registration),
      onRefused: (error) => this.#refuseChoice(error),
    });
    this.#registration = new Registration({
      ...context,
      lease: this.lease,
      device: options.device,
      changes: this.#changes,
    });
  }

  get state(): SessionState {
    return this.#state;
  }

  start(): void {
    this.#require(Need.registration);
  }

  /** A heartbeat came. */
  beat(activity: Activity, nowMs: number): void {
    this.lease.beatAtMs = nowMs;
    this.outlet.ack();
    if (activity !== this.lease.activity) this.#changes.setActivity(activity);
    if (this.#state === 'lapsed') this.#require(Need.registration);
  }

  /** The user chose a status, or took the choice back. */
  choose(status: Status): void {
    this.#changes.choose(status);
  }

  /** The client asks for its view again. Asked again and again it is read about once a second. */
  resync(): void {
    const sinceMs = this.#context.clock.monotonic() - this.#viewedAtMs;
    if (sinceMs < MIN_RESYNC_MS) this.snapshotAfter(MIN_RESYNC_MS - sinceMs);
    else this.#require(Need.snapshot);
  }

  /** What the user did changed how they see others, as of this revision of the graph; versions tell nothing of it. */
  renewView(revision: bigint): void {
    this.#sawRevision(revision);
    this.#require(Need.snapshot);
  }

  logout(): void {
    this.#end(CLOSE.loggedOut, CloseReason.CLOSE_REASON_LOGOUT);
  }

  deliver(change: SubjectChange): void {
    this.outlet.deliver(change);
  }

  refuse(code: ErrorCode, message: string): void {
    if (!this.#isClosed()) this.outlet.send({ $case: 'error', value: { code, message } });
  }

  /** Reads the view again when a hold has ended; this session and all its like not at the same moment. */
  snapshotAfter(holdMs: number): void {
    if (!this.#isClosed()) this.#later.ask(holdMs);
  }

  /** Looks whether there is a reason to close; called every second or so. */
  check(): void {
    const { clock } = this.#context;
    const missingMs = clock.monotonic() - (this.#registration.missingSinceMs ?? Infinity);
    if (clock.now() >= this.#options.expiresAtMs) this.close(CLOSE.tokenExpired);
    else if (this.outlet.slowForMs() > MAX_SLOW_MS) this.close(CLOSE.slow);
    else if (missingMs > MAX_MISSING_MS) this.abandon(CLOSE.leaseLost);
  }

  /** Asks the client to reconnect elsewhere. From now on its lease is not shortened when the connection closes. */
  goAway(reconnectAfterMs: number): void {
    this.#isGoingAway = true;
    const value = { reconnectAfter: toDuration(reconnectAfterMs) };
    this.outlet.send({ $case: 'goingAway', value });
  }

  /** Closes the connection; the session lives on for the grace. */
  close(code: CloseCode): void {
    this.#end(code, CloseReason.CLOSE_REASON_DISCONNECTED);
  }

  /** Closes the connection and lets the lease run on: the client is to come back at once. */
  abandon(code: CloseCode): void {
    this.#end(code, undefined);
  }

  /** The connection has closed, whoever closed it. */
  connectionClosed(): void {
    this.#end(undefined, this.#isGoingAway ? undefined : CloseReason.CLOSE_REASON_DISCONNECTED);
  }

  onRefused(result: BeatResult): void {
    if (result === BeatResult.BEAT_RESULT_CLOSED) this.abandon(CLOSE.leaseLost);
    else this.#require(Need.registration);
  }

  onLapsed(): void {
    this.#require(Need.registration);
  }

  onDataLoss(): void {
    this.#require(Need.registration);
  }

  /** The only place where the state changes. False when the session is over. */
  #enter(state: SessionState): boolean {
    if (this.#state === 'closed') return false;
    this.#state = state;
    if (state === 'snapshotting') this.outlet.hold();
    return true;
  }

  #end(code: CloseCode | undefined, reason: CloseReason | undefined): void {
    // Who logs out wants no answer any more; what they chose is on its way.
    if (code && code !== CLOSE.loggedOut) this.#changes.abandon();
    if (!this.#enter('closed')) return;
    this.#later.cancel();
    this.#steps.stop();
    this.#context.heartbeats.untrack(this.lease);
    if (reason !== undefined) this.#depart(reason);
    this.#options.onClosed();
    if (code) this.outlet.close(code);
  }

  #depart(reason: CloseReason): void {
    this.lease.ended(this.#context.clock.monotonic());
    this.#context.departures.add({
      lease: this.lease,
      reason,
      registration: this.#registration,
      received: this.#trace.receive('close'),
    });
  }

  #require(need: Need): void {
    if (this.#isClosed()) return;
    if (need === Need.registration) {
      this.#context.heartbeats.untrack(this.lease);
      this.#registration.miss();
    }
    this.#steps.require(need);
  }

  async #register(): Promise<void> {
    if (this.#isSilent()) {
      this.#registration.waive();
      this.#enter('lapsed');
      return;
    }
    this.#enter(this.#hasView ? 'reopening' : 'opening');
    const received = this.#trace.receive('open', this.#registration.missingSinceMs);
    const signOfLifeAtMs = (nowMs: number): number => {
      this.#requireOpen();
      return this.#lastSignOfLife(nowMs);
    };
    try {
      this.#registered(await this.#registration.ask(signOfLifeAtMs, received));
    } catch (error) {
      if (!isTooMany(error)) throw error;
      this.abandon(CLOSE.tooManyConnections);
    }
  }

  /** Nobody can be expected to send heartbeats before the welcome that says how often. */
  #lastSignOfLife(nowMs: number): number {
    if (!this.#hasView) this.lease.beatAtMs = nowMs;
    return this.lease.beatAtMs;
  }

  #registered({ reply, beatAtMs }: Registered): void {
    // From here on deliveries wait: they may be newer than the snapshot that is about to be read.
    if (!this.#enter('snapshotting')) return;
    const leaseTtlMs = durationMs(reply.leaseTtl);
    const holdMs = durationMs(reply.holdRemaining);
    this.#sawRevision(reply.graphRevision);
    this.#welcome = this.#welcomeOf(reply);
    this.lease.registered(reply.shard, beatAtMs, Math.trunc(this.#context.clock.monotonic()));
    this.#steps.require(Need.snapshot);
    this.#context.heartbeats.noteFloor(reply.shard, reply.floor, holdMs);
    this.#context.heartbeats.track(this.lease, leaseTtlMs);
    if (holdMs > 0) this.snapshotAfter(holdMs);
  }

  #sawRevision(revision: bigint): void {
    if (revision > this.#graphRevision) this.#graphRevision = revision;
  }

  #welcomeOf({ chosen, leaseTtl }: RegisterSessionResponse): ServerMessage {
    const heartbeatInterval = toDuration(this.#context.heartbeatIntervalMs);
    const value = { sessionId: this.id, userId: this.userId, heartbeatInterval, leaseTtl, chosen };
    return { $case: 'welcome', value };
  }

  async #snapshot(): Promise<void> {
    if (!this.#enter('snapshotting')) return;
    const { upstreams } = this.#context;
    const { frames, holdMs } = await upstreams.view({
      viewerUserId: this.userId,
      minRevision: this.#graphRevision,
      isWanted: () => !this.#isClosed(),
    });
    if (this.#isClosed()) return;
    if (holdMs > 0) this.snapshotAfter(holdMs);
    const welcome = this.#welcome;
    this.#welcome = undefined;
    this.#hasView = true;
    await this.outlet.sendSnapshot(welcome, frames);
    this.#viewedAtMs = this.#context.clock.monotonic();
    this.#enter(this.#isDormant() ? 'lapsed' : 'open');
  }

  #refuseChoice(error: unknown): void {
    const code = codeOf(error);
    const isToBeTriedAgain = code === ErrorCode.ERROR_CODE_UNAVAILABLE;
    const asked = { what: 'setStatus', userId: this.userId };
    const words = isToBeTriedAgain
      ? `not known to be done: ${this.#context.excuse(error, asked)}`
      : messageOf(error);
    this.refuse(code, `setStatus: ${words}`);
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** What waited for its turn need not be done for somebody who has left. */
  #requireOpen(): void {
    if (this.#isClosed()) throw new Error('the session is over');
  }

  /** Not registered, and not to be until a heartbeat comes. */
  #isDormant(): boolean {
    return this.#registration.missingSinceMs === undefined && !this.lease.isTracked;
  }

  #isSilent(): boolean {
    if (this.lease.beatsItself || !this.#hasView) return false;
    const { clock, heartbeats } = this.#context;
    return clock.monotonic() - this.lease.beatAtMs > heartbeats.leaseTtlMs;
  }
}

function isTooMany(error: unknown): boolean {
  return error instanceof RpcError && error.code === rpcStatus.RESOURCE_EXHAUSTED;
}

function codeOf(error: unknown): ErrorCode {
  return error instanceof RpcError && error.code === rpcStatus.INVALID_ARGUMENT
    ? ErrorCode.ERROR_CODE_INVALID_ARGUMENT
    : ErrorCode.ERROR_CODE_UNAVAILABLE;
}
