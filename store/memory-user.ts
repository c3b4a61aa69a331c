/** A user as the in-process store keeps one, and the rules that settle one: lua/user.lua says the same in Lua. */
import type {
  Cause,
  Change,
  Horizon,
  LogRecord,
  OutboxEntry,
  Quiet,
  Renewal,
  Settled,
} from './presence-store.ts';
import { nextVersion, visibleStatus } from './status.ts';
import type { ActivityStatus, ChosenStatus, VisibleStatus } from './status.ts';
import { LOG_LENGTH, timing } from './timing.ts';

export interface Session {
  beatMs: number;
  deadlineMs: number;
  epoch: number;
  closing: boolean;
  readonly gatewayId: string;
  readonly device: string;
  activity: ActivityStatus;
  trace: string;
}

/** What Redis keeps in the presence key: alive up to and including `expiresAtMs`. */
export interface Route {
  readonly gatewayIds: readonly string[];
  expiresAtMs: number;
}

export interface UserState {
  readonly userId: string;
  status: VisibleStatus;
  version: number;
  /** What others see while the user is OFFLINE: `lastSeenMs` when they left. */
  lastActiveMs: number;
  /** The last sign of life. */
  lastSeenMs: number;
  chosen: ChosenStatus | undefined;
  chosenAtMs: number;
  graphRevision: string;
  /** The last version with which an edge may have hidden the user. */
  hiddenVersion: number;
  /** The last that one who left then would have been given, for viewers who see another mode. */
  renewedVersion: number;
  /** In the order they were opened. */
  readonly sessions: Map<string, Session>;
  /** The newest first. */
  readonly log: LogRecord[];
  route: Route | undefined;
}

/** A shard at one moment. */
export interface Moment extends Horizon {
  readonly nowMs: number;
  readonly holdUntilMs: number;
  readonly leaseTtlMs: number;
}

/** Who asks for a settlement, and why; a look has no cause of its own. */
export interface Origin {
  readonly cause?: Cause;
  readonly trace: string;
  /** When the cause came, ms; now when absent. */
  readonly causedAtMs?: number;
}

/** An entry before it is in the outbox. */
type UnsentEntry = Omit<OutboxEntry, 'entryId' | 'awaited'>;

type Announcing = Pick<Extract<Change, { kind: 'announce' }>, 'only' | 'shownVersion' | 'renew'>;

export function createUser(userId: string): UserState {
  return {
    userId,
    status: 'OFFLINE',
    version: 0,
    lastActiveMs: 0,
    lastSeenMs: 0,
    chosen: undefined,
    chosenAtMs: 0,
    graphRevision: '0',
    hiddenVersion: 0,
    renewedVersion: 0,
    sessions: new Map(),
    log: [],
    route: undefined,
  };
}

/**
 * A sign of life: a heartbeat, or something the user did. What hides the user from somebody counts as of the moment when
 * it is settled, however it came here, so that nobody can tell one way of leaving from another.
 */
export function see(user: UserState, atMs: number): void {
  user.lastSeenMs = Math.max(user.lastSeenMs, atMs);
}

export const isHeld = (at: Moment): boolean => at.nowMs < at.holdUntilMs;

export const isAlive = (session: Session, at: Moment): boolean =>
  session.deadlineMs >= at.nowMs || isHeld(at);

export function settledOf(userId: string, user: UserState | undefined, floor: number): Settled {
  if (!user) return { userId, status: 'OFFLINE', version: floor, lastActiveMs: 0 };
  const lastActiveMs = user.status === 'OFFLINE' ? user.lastActiveMs : user.lastSeenMs;
  return { userId, status: user.status, version: Math.max(user.version, floor), lastActiveMs };
}

/** Drops dead sessions and computes the visible status anew; a change of it is returned as an outbox entry. */
export function settle(user: UserState, at: Moment, origin: Origin): UnsentEntry | undefined {
  const died = dropDead(user, at);
  const live = [...user.sessions.values()];
  for (const session of live) see(user, session.beatMs);
  user.route = routeOf(live, at);
  const status = visibleStatus(
    live.map((session) => session.activity),
    user.chosen,
  );
  if (status === user.status) return undefined;
  return transition(user, status, at, blame(origin, at, died, live.length > 0));
}

/** When to look at the user next: the earliest deadline, or the end of the hold. */
export function dueAt(user: UserState, at: Moment): number | undefined {
  if (user.sessions.size === 0) return undefined;
  const earliest = Math.min(...[...user.sessions.values()].map((session) => session.deadlineMs));
  return isHeld(at) ? Math.max(at.holdUntilMs, earliest) : earliest;
}

/** An entry that tells `only` of the user as they are, if it names anybody; with a new version as `renew` says. */
export function announcement(
  user: UserState,
  at: Moment,
  { only, shownVersion, renew }: Announcing,
  { trace, causedAtMs = at.nowMs }: Origin,
): UnsentEntry | undefined {
  const isOffline = user.status === 'OFFLINE';
  if (renew === 'PRESENT' && !isOffline) see(user, at.nowMs);
  const horizon = horizonOf(user, at);
  const isShown = isOffline && shownVersion !== undefined;
  const since = isShown ? sinceShown(user, shownVersion, horizon) : '';
  const isRenewed = renew === 'ALWAYS' || (renew === 'PRESENT' && (!isOffline || since === 'TIED'));
  if (isRenewed) user.version = nextVersion(user.version, at.floor, at.nowMs);
  renewHidden(user, at, renew);
  if (only.length === 0) return undefined;
  const quiet = since === 'UNCHANGED' && !isRenewed ? 'ALL' : quietOf(renew);
  const entry = outboxEntry(user, at, { cause: 'ANNOUNCED', trace, causedAtMs }, only);
  return { ...entry, quiet, horizon: horizonOf(user, at) };
}

/** What those from whom the user is hidden are shown no lower than, and how far back anything is known. */
export function horizonOf(
  user: UserState | undefined,
  { floor, forgottenBelow }: Horizon,
): Horizon {
  return { floor: Math.max(floor, user?.renewedVersion ?? 0), forgottenBelow };
}

/** They see another mode at the version that one would have who left when an edge hid them, and did nothing since. */
function renewHidden(user: UserState, at: Moment, renew: Renewal | undefined): void {
  if (renew === 'PRESENT' || renew === 'VIEW') user.hiddenVersion = user.version;
  if (renew !== 'ALWAYS') return;
  const last = Math.max(user.renewedVersion, user.hiddenVersion);
  user.renewedVersion = nextVersion(last, at.floor, at.nowMs);
}

/**
 * What has become of a user since a version was shown of them. A change gets a version above all that was shown before
 * it. TIED: they have changed, but not since the floor rose or others saw another mode: what was shown is at the same
 * version now.
 */
function sinceShown(
  { version, log: [newest] }: UserState,
  shown: number,
  { floor }: Horizon,
): 'UNCHANGED' | 'TIED' | 'CHANGED' {
  if ((newest?.version ?? 0) <= shown) return 'UNCHANGED';
  return version <= floor ? 'TIED' : 'CHANGED';
}

function quietOf(renew: Renewal | undefined): Quiet | undefined {
  if (renew === 'VIEW') return 'VIEW';
  return renew === 'PRESENT' ? 'PULLED' : undefined;
}

/** Returns the one that died last. */
function dropDead(user: UserState, at: Moment): Session | undefined {
  let last: Session | undefined;
  for (const [sessionId, session] of user.sessions) {
    see(user, session.beatMs);
    mendStaleDeadline(session, at);
    if (isAlive(session, at)) continue;
    user.sessions.delete(sessionId);
    if (!last || session.deadlineMs > last.deadlineMs) last = session;
  }
  return last;
}

/** No lease reaches that far: the clock stepped back since, and the session would outlive its heartbeats. */
function mendStaleDeadline(session: Session, at: Moment): void {
  const latest = at.nowMs + at.leaseTtlMs;
  if (session.deadlineMs > latest + timing.staleDeadlineMs) session.deadlineMs = latest;
}

function routeOf(live: readonly Session[], at: Moment): Route | undefined {
  if (live.length === 0) return undefined;
  const open = live.filter((session) => !session.closing);
  const latest = Math.max(...live.map((session) => session.deadlineMs));
  return {
    gatewayIds: [...new Set(open.map((session) => session.gatewayId))],
    expiresAtMs: isHeld(at) ? Math.max(at.holdUntilMs, latest) : latest,
  };
}

/**
 * A session's death is the cause when nothing else is, or when it left the user without any; it came with the
 * deadline, or when the hold was over.
 */
function blame(
  { cause, trace, causedAtMs }: Origin,
  at: Moment,
  died: Session | undefined,
  lives: boolean,
): Required<Origin> {
  if (died && (!cause || !lives)) {
    const diedAtMs = Math.max(died.deadlineMs, Math.min(at.holdUntilMs, at.nowMs));
    return {
      cause: died.closing ? 'CLOSED' : 'EXPIRED',
      ...{ trace: died.trace, causedAtMs: diedAtMs },
    };
  }
  return { cause: cause ?? 'EXPIRED', trace, causedAtMs: causedAtMs ?? at.nowMs };
}

function transition(
  user: UserState,
  status: VisibleStatus,
  at: Moment,
  origin: Required<Origin>,
): UnsentEntry {
  user.status = status;
  user.version = nextVersion(user.version, at.floor, at.nowMs);
  if (status === 'OFFLINE') user.lastActiveMs = user.lastSeenMs;
  const { cause, trace } = origin;
  user.log.unshift({ atMs: at.nowMs, status, version: user.version, cause, trace });
  user.log.length = Math.min(user.log.length, LOG_LENGTH);
  return outboxEntry(user, at, origin, []);
}

function outboxEntry(
  user: UserState,
  at: Moment,
  origin: Required<Origin>,
  only: readonly string[],
): UnsentEntry {
  const { userId, graphRevision } = user;
  const settled = settledOf(userId, user, at.floor);
  return { settled, settledAtMs: at.nowMs, graphRevision, only, ...origin };
}
