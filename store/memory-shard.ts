/** One shard of the in-process store: its users, its index of deadlines, its outbox and its owner. */
import type { Clock } from '../lib/clock.ts';
import { DueIndex } from './due-index.ts';
import { apply, causeOf } from './memory-changes.ts';
import { announcement, createUser, dueAt, horizonOf, isAlive, isHeld } from './memory-user.ts';
import { see, settle, settledOf } from './memory-user.ts';
import type { Moment, Origin, Session, UserState } from './memory-user.ts';
import type {
  Beat,
  BeatOutcome,
  Change,
  ChangeReply,
  Horizon,
  Inspection,
  LookupReply,
  OutboxEntry,
  SessionRecord,
  ShardInspection,
  ShardState,
  SweepReply,
  SweepRequest,
} from './presence-store.ts';
import { clampAge, LOOK_THROUGH, timing } from './timing.ts';

export interface ShardOptions {
  readonly shard: number;
  readonly leaseTtlMs: number;
  readonly holdMs: number;
  readonly clock: Clock;
  /** Called inside the operation that is the news; must not throw. */
  readonly onBell: (shard: number) => void;
  readonly onExpired: (userId: string) => void;
  /** Whether somebody asked to be told when the user comes online. */
  readonly isAwaited: (userId: string) => boolean;
}

const LOOK: Origin = { trace: '' };

export class MemoryShard {
  readonly #options: ShardOptions;
  readonly #users = new Map<string, UserState>();
  readonly #due = new DueIndex();
  readonly #outbox = new Map<string, OutboxEntry>();
  #appended = 0;
  #floor = 0;
  /** The floor with which it began, empty. */
  #origin = 0;
  #holdUntilMs = 0;
  #owner: { readonly name: string; readonly untilMs: number } | undefined;

  constructor(options: ShardOptions) {
    this.#options = options;
  }

  beat(beats: readonly Beat[]): BeatOutcome[] {
    const at = this.#now();
    return beats.map((beat) => this.#beat(beat, at));
  }

  change(change: Change): ChangeReply {
    const at = this.#now();
    const user = this.#users.get(change.userId) ?? createUser(change.userId);
    apply(user, change, at);
    const causedAtMs = at.nowMs - clampAge(change.causeAgeMs ?? 0);
    const origin = { cause: causeOf(change), trace: change.trace, causedAtMs };
    this.#settle(user, at, origin);
    const announced = change.kind === 'announce' && announcement(user, at, change, origin);
    if (announced && this.#append({ ...announced, awaited: false }, at)) this.#ring();
    if (!isBlank(user)) this.#users.set(user.userId, user);
    return {
      ...this.state(),
      settled: settledOf(user.userId, user, at.floor),
      chosen: user.chosen,
      graphRevision: user.graphRevision,
      sessionAlive: !('sessionId' in change) || user.sessions.has(change.sessionId),
    };
  }

  sweep(request: SweepRequest): SweepReply {
    const { nowMs } = this.#now();
    if (!this.#own(request, nowMs)) return { owned: false, nowMs };
    this.#checkClock(request.expectedNowMs, nowMs);
    const at = this.#now();
    const isAhead = nowMs - (request.expectedNowMs ?? nowMs) > timing.clockStepMs;
    return {
      ...this.state(),
      ...{ owned: true, nowMs, isAhead },
      due: isHeld(at) || isAhead ? [] : this.#due.due(nowMs, request.limit),
      ...this.#nextDue(at),
      outbox: head(this.#outboxAfter(request.outboxAfter), request.outboxLimit ?? request.limit),
      outboxLength: this.#outbox.size,
    };
  }

  look(userIds: readonly string[]): void {
    const at = this.#now();
    for (const userId of userIds) {
      const user = this.#users.get(userId);
      if (user) this.#settle(user, at, LOOK);
      else this.#due.delete(userId);
    }
  }

  lookup(userIds: readonly string[]): Pick<LookupReply, 'settled' | 'horizons'> {
    const users = userIds.map((userId) => this.#users.get(userId));
    return {
      settled: userIds.map((userId, i) => settledOf(userId, users[i], this.#floor)),
      horizons: users.map((user) => horizonOf(user, this.#horizon())),
    };
  }

  ack(entryIds: readonly string[]): void {
    for (const entryId of entryIds) this.#outbox.delete(entryId);
  }

  fence(truncate: boolean): ShardState {
    const now = this.#options.clock.now();
    this.#floor = Math.max(this.#floor + 1, now + timing.fenceMarginMs);
    this.#holdUntilMs = now + this.#options.holdMs;
    if (truncate) this.#outbox.clear();
    return this.state();
  }

  /** All that it knew is gone, as when a Redis has lost its data. */
  lose(): void {
    for (const userId of this.#users.keys()) this.#due.delete(userId);
    this.#users.clear();
    this.#owner = undefined;
    this.#origin = this.fence(true).floor;
  }

  state(): ShardState {
    const holdMs = Math.max(0, this.#holdUntilMs - this.#options.clock.now());
    return { floor: this.#floor, holdMs };
  }

  #horizon(): Horizon {
    return { floor: this.#floor, forgottenBelow: this.#origin };
  }

  gatewayIds(userId: string): readonly string[] {
    const route = this.#users.get(userId)?.route;
    return route && route.expiresAtMs >= this.#options.clock.now() ? route.gatewayIds : [];
  }

  inspect(userId: string): Inspection {
    const at = this.#now();
    const user = this.#users.get(userId) ?? createUser(userId);
    const { chosen, chosenAtMs, graphRevision, log } = user;
    return {
      ...this.state(),
      ...{ shard: this.#options.shard, nowMs: at.nowMs, outboxLength: this.#outbox.size },
      isWaiting: this.#isWaiting(userId),
      settled: settledOf(userId, user, at.floor),
      ...{ chosen, chosenAtMs, graphRevision, log: [...log] },
      sessions: sessionRecords(user, at),
    };
  }

  inspectShard(): ShardInspection {
    const owner = this.#owner;
    const remainingMs = (owner?.untilMs ?? 0) - this.#options.clock.now();
    return {
      ...this.state(),
      owner: owner && remainingMs >= 0 ? { id: owner.name, remainingMs } : undefined,
      users: this.#due.size,
      outboxLength: this.#outbox.size,
    };
  }

  #isWaiting(userId: string): boolean {
    if (this.#outbox.size > LOOK_THROUGH) return true;
    return [...this.#outbox.values()].some(({ settled }) => settled.userId === userId);
  }

  #now(): Moment {
    const { clock, leaseTtlMs } = this.#options;
    return {
      nowMs: clock.now(),
      ...this.#horizon(),
      ...{ holdUntilMs: this.#holdUntilMs, leaseTtlMs },
    };
  }

  #beat(beat: Beat, at: Moment): BeatOutcome {
    const user = this.#users.get(beat.userId);
    const session = user?.sessions.get(beat.sessionId);
    if (!user || !session) return 'UNKNOWN';
    if (session.closing) return 'CLOSED';
    if (!isAlive(session, at)) return 'LAPSED';
    if (session.epoch < beat.epoch) return 'EPOCH';
    const isExtended = extend(user, session, at.nowMs - clampAge(beat.ageMs), at);
    if (isExtended && user.sessions.size === 1) this.#due.set(user.userId, session.deadlineMs);
    return 'OK';
  }

  #settle(user: UserState, at: Moment, origin: Origin): void {
    const { route: wasRouted, status: wasShown } = user;
    const entry = settle(user, at, origin);
    const awaited = wasShown === 'OFFLINE' && this.#options.isAwaited(user.userId);
    const isNews = entry !== undefined && this.#append({ ...entry, awaited }, at);
    const atMs = dueAt(user, at);
    if (atMs === undefined) this.#due.delete(user.userId);
    else this.#due.set(user.userId, atMs);
    if (isNews || this.#due.first()?.userId === user.userId) this.#ring();
    if (wasRouted && !user.route && wasRouted.expiresAtMs < at.nowMs) {
      this.#options.onExpired(user.userId);
    }
  }

  /** False in a hold, which keeps everything out of the outbox: whoever looks after it sees the result. */
  #append(entry: Omit<OutboxEntry, 'entryId'>, at: Moment): boolean {
    if (isHeld(at)) return false;
    const entryId = String(++this.#appended);
    this.#outbox.set(entryId, { entryId, ...entry });
    return true;
  }

  #ring(): void {
    this.#options.onBell(this.#options.shard);
  }

  #nextDue(at: Moment): { readonly nextDueMs?: number } {
    const first = this.#due.first();
    if (!first) return {};
    return { nextDueMs: isHeld(at) ? Math.max(first.atMs, at.holdUntilMs) : first.atMs };
  }

  *#outboxAfter(after: string | undefined): Iterable<OutboxEntry> {
    for (const entry of this.#outbox.values()) {
      if (after === undefined || Number(entry.entryId) > Number(after)) yield entry;
    }
  }

  #own({ owner: name, ownerTtlMs }: SweepRequest, nowMs: number): boolean {
    const isOwner = this.#owner?.name === name;
    if (!isOwner && this.#owner && this.#owner.untilMs >= nowMs) return false;
    if (ownerTtlMs > 0) this.#owner = { name, untilMs: nowMs + ownerTtlMs };
    else this.#owner = undefined;
    return ownerTtlMs > 0;
  }

  #checkClock(expectedNowMs: number | undefined, nowMs: number): void {
    if (expectedNowMs === undefined) return;
    if (expectedNowMs - nowMs <= timing.clockStepMs) return;
    this.fence(false);
    const latest = nowMs + this.#options.leaseTtlMs;
    this.#due.bringForward(latest + timing.staleDeadlineMs, this.#holdUntilMs);
  }
}

/** @returns whether anything is new. */
function extend(user: UserState, session: Session, beatMs: number, at: Moment): boolean {
  const isNew = beatMs > session.beatMs || beatMs + at.leaseTtlMs > session.deadlineMs;
  session.beatMs = Math.max(session.beatMs, beatMs);
  session.deadlineMs = Math.max(session.deadlineMs, beatMs + at.leaseTtlMs);
  see(user, session.beatMs);
  if (user.route) user.route.expiresAtMs = Math.max(user.route.expiresAtMs, session.deadlineMs);
  return isNew;
}

/** Nothing is known of them that is not known of everyone never seen. */
function isBlank(user: UserState): boolean {
  const isUnseen = user.version === 0 && user.lastSeenMs + user.chosenAtMs === 0;
  return isUnseen && user.sessions.size === 0 && user.graphRevision === '0';
}

function sessionRecords(user: UserState, at: Moment): SessionRecord[] {
  return [...user.sessions]
    .filter(([, session]) => isAlive(session, at))
    .map(([sessionId, { beatMs, deadlineMs, ...rest }]) => ({
      ...{ sessionId, ...rest, lastBeatMs: beatMs },
      remainingMs: Math.max(0, deadlineMs - at.nowMs),
    }))
    .sort((a, b) => a.remainingMs - b.remainingMs);
}

function head<T>(values: Iterable<T>, limit: number): T[] {
  const taken: T[] = [];
  for (const value of values) {
    if (taken.length === limit) break;
    taken.push(value);
  }
  return taken;
}
