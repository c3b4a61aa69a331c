/**
 * One connection of one user: opens a session, keeps its view right, and opens it again after whatever ended it.
 *
 * Two orders carry the promises. On opening: deliveries wait, then the session is registered, then contacts are read
 * no older than the registration, then their presence, then the snapshot goes out, then what waited. And every
 * registration, first or not, is followed by a snapshot.
 */
import { status as rpcStatus } from '@grpc/grpc-js';
import { ErrorCode } from '../gen/edge/v1/frames.ts';
import type { Status } from '../gen/presence/v1/presence.ts';
import { BeatResult, type Activity } from '../gen/presence/v1/presence_service.ts';
import {
  CloseReason,
  type RegisterSessionRequest,
  type RegisterSessionResponse,
} from '../gen/registry/v1/registry_service.ts';
import type { Clock } from '../lib/clock.ts';
import { durationMs, toDuration } from '../lib/durations.ts';
import { messageOf, RpcError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { ClientTrace } from './client-trace.ts';
import { CLOSE, type CloseCode } from './close-codes.ts';
import type { Departures } from './departures.ts';
import type { GatewayEvents } from './events.ts';
import type { Excuse } from './excuses.ts';
import type { Heartbeats } from './heartbeats.ts';
import { Lease, type LeaseOwner } from './lease.ts';
import type { Outlet } from './outlet.ts';
import { Postponed } from './postponed.ts';
import type { ServerMessage } from './server-frames.ts';
import { StatusChanges } from './status-changes.ts';
import { Need, StepKeeper } from './step-keeper.ts';
import type { SubjectChange } from './subject-change.ts';
import type { Upstreams } from './upstreams.ts';
import type { Watch } from './watch-list.ts';

/** What all sessions of a gateway share. */
export interface SessionContext {
  readonly gatewayId: string;
  /** Told to clients. */
  readonly heartbeatIntervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly upstreams: Upstreams;
  readonly heartbeats: Heartbeats;
  readonly departures: Departures;
  readonly events: GatewayEvents;
  readonly excuse: Excuse;
}

export interface SessionOptions {
  readonly userId: string;
  /** When the token ends, ms since the epoch. */
  readonly expiresAtMs: number;
  readonly device: string;
  /** What the client brought, valid, '' for none: a parent of what it does, or no more than linked to. */
  readonly traceparent: string;
  readonly linked: string;
  /** True for a connection that sends no heartbeats: the gateway beats for it. */
  readonly beatsItself: boolean;
  readonly outlet: Outlet;
  /** Called once, when the session is over. */
  readonly onClosed: (session: Session) => void;
}

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
/** A view may be thousands of users. */
const MIN_RESYNC_MS = 1000;
/** A client that has not read what was sent for this long is told to go. */
const MAX_SLOW_MS = 30_000;
/** A client that could not be registered for this long is sent to look for another gateway. */
const MAX_UNREGISTERED_MS = 30_000;
/** For how long a registration that nobody answered may still be done. */
const MAX_LATE_MS = 15_000;

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
  readonly #steps: StepKeeper;
  /** Another snapshot, after a hold. */
  readonly #later: Postponed;
  #state: SessionState = 'opening';
  /** Since when the store may not know the session, though it should. */
  #unregisteredSinceMs: number | undefined;
  /** Settles when no registration is under way. */
  #registering: Promise<unknown> = Promise.resolve();
  /** When it was given up last that somebody answers a registration. It may be done all the same. */
  #unansweredAtMs = -Infinity;
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
      whenRegistered: () => this.#registering,
      onSessionMissing: () => this.#require(Need.registration),
      onRefused: (error) => this.#refuseChoice(error),
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
    const unregisteredMs = clock.monotonic() - (this.#unregisteredSinceMs ?? Infinity);
    if (clock.now() >= this.#options.expiresAtMs) this.close(CLOSE.tokenExpired);
    else if (this.outlet.slowForMs() > MAX_SLOW_MS) this.close(CLOSE.slow);
    else if (unregisteredMs > MAX_UNREGISTERED_MS) this.abandon(CLOSE.leaseLost);
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
    this.#options.onClosed(this);
    if (code) this.outlet.close(code);
  }

  #depart(reason: CloseReason): void {
    const { departures, clock } = this.#context;
    departures.add({
      session: this.lease,
      reason,
      registering: this.#registering,
      mayBeRegisteredLate: () => clock.monotonic() - this.#unansweredAtMs < MAX_LATE_MS,
      received: this.#trace.receive('close'),
    });
  }

  #require(need: Need): void {
    if (this.#isClosed()) return;
    if (need === Need.registration) {
      this.#context.heartbeats.untrack(this.lease);
      this.#unregisteredSinceMs ??= this.#context.clock.monotonic();
    }
    this.#steps.require(need);
  }

  async #register(): Promise<void> {
    if (this.#isSilent()) {
      this.#unregisteredSinceMs = undefined;
      this.#enter('lapsed');
      return;
    }
    this.#enter(this.#hasView ? 'reopening' : 'opening');
    const { upstreams, clock } = this.#context;
    const received = this.#trace.receive('open', this.#unregisteredSinceMs);
    let beatAtMs = 0;
    let askedAtMs = 0;
    const reply = upstreams.register(() => {
      this.#requireOpen();
      const nowMs = Math.trunc(clock.monotonic());
      askedAtMs = nowMs;
      beatAtMs = this.#lastSignOfLife(nowMs);
      return this.#registration(beatAtMs, nowMs);
    }, received);
    this.#registering = reply.catch((error: unknown) => {
      if (isUnanswered(error)) this.#unansweredAtMs = clock.monotonic();
    });
    try {
      const registered = await reply;
      this.#changes.registered(registered.chosen, askedAtMs);
      this.#registered(registered, beatAtMs);
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

  #registration(beatAtMs: number, nowMs: number): RegisterSessionRequest {
    return {
      userId: this.userId,
      sessionId: this.id,
      gatewayId: this.#context.gatewayId,
      device: this.#options.device,
      activity: this.lease.activity,
      epoch: this.lease.epoch,
      beatAgeMs: nowMs - beatAtMs,
      choice: this.#changes.choice(nowMs),
    };
  }

  #registered(reply: RegisterSessionResponse, beatAtMs: number): void {
    // From here on deliveries wait: they may be newer than the snapshot that is about to be read.
    if (!this.#enter('snapshotting')) return;
    const leaseTtlMs = durationMs(reply.leaseTtl);
    const holdMs = durationMs(reply.holdRemaining);
    this.#unregisteredSinceMs = undefined;
    this.#graphRevision = reply.graphRevision;
    this.#welcome = this.#welcomeOf(reply);
    this.lease.registered(reply.shard, beatAtMs, Math.trunc(this.#context.clock.monotonic()));
    this.#steps.require(Need.snapshot);
    this.#context.heartbeats.noteFloor(reply.shard, reply.floor, holdMs);
    this.#context.heartbeats.track(this.lease, leaseTtlMs);
    if (holdMs > 0) this.snapshotAfter(holdMs);
  }

  #welcomeOf({ chosen, leaseTtl }: RegisterSessionResponse): ServerMessage {
    const heartbeatInterval = toDuration(this.#context.heartbeatIntervalMs);
    const value = { sessionId: this.id, userId: this.userId, heartbeatInterval, leaseTtl, chosen };
    return { $case: 'welcome', value };
  }

  async #snapshot(): Promise<void> {
    if (!this.#enter('snapshotting')) return;
    const { upstreams } = this.#context;
    const { presences, holdMs } = await upstreams.view(() => {
      this.#requireOpen();
      return { viewerUserId: this.userId, minRevision: this.#graphRevision };
    });
    if (this.#isClosed()) return;
    if (holdMs > 0) this.snapshotAfter(holdMs);
    const welcome = this.#welcome;
    this.#welcome = undefined;
    this.#hasView = true;
    await this.outlet.sendSnapshot(welcome, presences);
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
    return this.#unregisteredSinceMs === undefined && !this.lease.isTracked;
  }

  #isSilent(): boolean {
    if (this.lease.beatsItself || !this.#hasView) return false;
    const { clock, heartbeats } = this.#context;
    return clock.monotonic() - this.lease.beatAtMs > heartbeats.leaseTtlMs;
  }
}

function isUnanswered(error: unknown): boolean {
  if (!(error instanceof RpcError)) return false;
  return error.code === rpcStatus.DEADLINE_EXCEEDED || error.code === rpcStatus.UNAVAILABLE;
}

function isTooMany(error: unknown): boolean {
  return error instanceof RpcError && error.code === rpcStatus.RESOURCE_EXHAUSTED;
}

function codeOf(error: unknown): ErrorCode {
  return error instanceof RpcError && error.code === rpcStatus.INVALID_ARGUMENT
    ? ErrorCode.ERROR_CODE_INVALID_ARGUMENT
    : ErrorCode.ERROR_CODE_UNAVAILABLE;
}
