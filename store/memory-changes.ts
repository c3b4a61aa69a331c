/** What each kind of change does to a user before the user is settled: lua/change.lua says the same in Lua. */
import type { Cause, Change } from './presence-store.ts';
import { isAlive, see } from './memory-user.ts';
import type { Moment, Session, UserState } from './memory-user.ts';
import { clampAge, MAX_SESSIONS } from './timing.ts';
import { TooManySessionsError } from './too-many-sessions.ts';

type Of<Kind extends Change['kind']> = Extract<Change, { kind: Kind }>;

/** Of a change that brought one about, the cause of a transition. */
export function causeOf(change: Change): Cause {
  switch (change.kind) {
    case 'open':
      return 'OPENED';
    case 'activity':
      return 'ACTIVITY';
    case 'choose':
      return 'CHOSEN';
    case 'close':
      return change.graceMs > 0 ? 'CLOSED' : 'LOGOUT';
    case 'announce':
      return 'ANNOUNCED';
  }
}

export function apply(user: UserState, change: Change, at: Moment): void {
  switch (change.kind) {
    case 'open':
      return open(user, change, at);
    case 'activity':
      return act(user, change, at);
    case 'choose':
      user.chosen = change.chosen;
      user.chosenAtMs = at.nowMs;
      see(user, at.nowMs);
      return;
    case 'close':
      return close(user, change, at);
    case 'announce':
      user.graphRevision = laterRevision(user.graphRevision, change.graphRevision);
  }
}

function open(user: UserState, change: Of<'open'>, at: Moment): void {
  const { sessionId, gatewayId, device, activity, epoch, trace } = change;
  if (!user.sessions.has(sessionId)) makeRoom(user, at);
  const beatMs = at.nowMs - clampAge(change.ageMs);
  const deadlineMs = beatMs + at.leaseTtlMs;
  const session: Session = {
    ...{ beatMs, deadlineMs, epoch, closing: false },
    ...{ gatewayId, device, activity, trace },
  };
  user.sessions.set(sessionId, session);
  if (!change.choice || change.choice.chosen === user.chosen) return;
  const chosenAtMs = at.nowMs - clampAge(change.choice.ageMs);
  if (chosenAtMs <= user.chosenAtMs) return;
  user.chosen = change.choice.chosen;
  user.chosenAtMs = chosenAtMs;
}

/**
 * For one more session, those that close anyway go first, the earliest deadline before the others. The dead, which
 * settling drops, do not count.
 */
function makeRoom(user: UserState, at: Moment): void {
  const live = [...user.sessions].filter(([, session]) => isAlive(session, at));
  const surplus = live.length + 1 - MAX_SESSIONS;
  if (surplus <= 0) return;
  const spare = live.filter(([, { closing, deadlineMs }]) => closing || deadlineMs < at.nowMs);
  if (surplus > spare.length) throw new TooManySessionsError(user.userId);
  for (const [sessionId, { beatMs }] of spare.sort(byDeadline).slice(0, surplus)) {
    see(user, beatMs);
    user.sessions.delete(sessionId);
  }
}

function byDeadline([a, { deadlineMs }]: [string, Session], [b, other]: [string, Session]): number {
  return deadlineMs - other.deadlineMs || (a < b ? -1 : 1);
}

/** An epoch that is not above the session's own is a change that was overtaken. */
function act(user: UserState, change: Of<'activity'>, at: Moment): void {
  const session = user.sessions.get(change.sessionId);
  if (!session || session.closing || !isAlive(session, at)) return;
  if (change.epoch <= session.epoch) return;
  session.activity = change.activity;
  session.epoch = change.epoch;
  if (change.trace !== '') session.trace = change.trace;
  see(user, at.nowMs - clampAge(change.causeAgeMs ?? 0));
}

function close(user: UserState, change: Of<'close'>, at: Moment): void {
  const session = user.sessions.get(change.sessionId);
  if (!session) return;
  if (change.graceMs <= 0) {
    see(user, isAlive(session, at) ? at.nowMs : session.beatMs);
    user.sessions.delete(change.sessionId);
    return;
  }
  if (change.ageMs !== undefined) hear(session, at.nowMs - clampAge(change.ageMs), at);
  session.closing = true;
  session.deadlineMs = Math.min(session.deadlineMs, at.nowMs + Math.round(change.graceMs));
}

/** What a beat would have done that came first. */
function hear(session: Session, beatMs: number, at: Moment): void {
  if (session.closing || !isAlive(session, at)) return;
  session.beatMs = Math.max(session.beatMs, beatMs);
  session.deadlineMs = Math.max(session.deadlineMs, beatMs + at.leaseTtlMs);
}

/** Decimal uint64 strings: compared as numbers, without losing digits. */
function laterRevision(a: string, b: string): string {
  if (a.length !== b.length) return a.length > b.length ? a : b;
  return a > b ? a : b;
}
