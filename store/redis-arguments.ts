/** What the scripts take, from what the port is given. */
import type { Argument } from '../lib/redis/scripts.ts';
import type { ShardKeys } from './keys.ts';
import type { Beat, Change, SweepRequest } from './presence-store.ts';
import { clampAge } from './timing.ts';

interface Call {
  readonly keys: string[];
  readonly args: Argument[];
}

/** The hottest path of the store: flat arrays, nothing else. */
export function beatCall(keys: ShardKeys, leaseTtlMs: number, beats: readonly Beat[]): Call {
  const call = { keys: [keys.meta, keys.deadlines], args: [leaseTtlMs] as Argument[] };
  for (const { userId, sessionId, ageMs, epoch } of beats) {
    call.keys.push(keys.state(userId), keys.presence(userId));
    call.args.push(sessionId, clampAge(ageMs), epoch, userId);
  }
  return call;
}

export function changeCall(keys: ShardKeys, leaseTtlMs: number, change: Change): Call {
  const { userId, kind, trace, causeAgeMs = 0 } = change;
  return {
    keys: [...userless(keys), keys.state(userId), keys.presence(userId)],
    args: [
      ...[leaseTtlMs, kind, userId, trace],
      ...ofSession(change),
      ...ofUser(change),
      clampAge(causeAgeMs),
      ...ofAnnouncement(change),
    ],
  };
}

export function lookCall(keys: ShardKeys, leaseTtlMs: number, userIds: readonly string[]): Call {
  const distinct = [...new Set(userIds)];
  return {
    keys: [
      ...userless(keys),
      ...distinct.flatMap((userId) => [keys.state(userId), keys.presence(userId)]),
    ],
    args: [leaseTtlMs, ...distinct],
  };
}

export function sweepCall(keys: ShardKeys, leaseTtlMs: number, request: SweepRequest): Call {
  const { owner, ownerTtlMs, expectedNowMs = '', limit } = request;
  const { outboxAfter, outboxLimit = limit } = request;
  const from = outboxAfter === undefined ? '-' : `(${outboxAfter}`;
  return {
    keys: [keys.meta, keys.deadlines, keys.outbox],
    args: [owner, ownerTtlMs, expectedNowMs, limit, leaseTtlMs, from, outboxLimit],
  };
}

function userless({ meta, deadlines, outbox, bell }: ShardKeys): string[] {
  return [meta, deadlines, outbox, bell];
}

/** sessionId, gatewayId, device, activity, epoch, age */
function ofSession(change: Change): Argument[] {
  switch (change.kind) {
    case 'open': {
      const { sessionId, gatewayId, device, activity, epoch, ageMs } = change;
      return [sessionId, gatewayId, device, activity, epoch, clampAge(ageMs)];
    }
    case 'activity':
      return [change.sessionId, '', '', change.activity, change.epoch, 0];
    case 'close':
      return [change.sessionId, '', '', '', 0, ageOf(change)];
    default:
      return ['', '', '', '', 0, 0];
  }
}

const ageOf = ({ ageMs }: { readonly ageMs?: number }): Argument =>
  ageMs === undefined ? '' : clampAge(ageMs);

/** shown, renew */
function ofAnnouncement(change: Change): Argument[] {
  if (change.kind !== 'announce') return ['', ''];
  return [change.shownVersion ?? '', change.renew ?? ''];
}

/** chosen, choiceAge, grace, revision, only */
function ofUser(change: Change): Argument[] {
  switch (change.kind) {
    case 'open': {
      const { choice } = change;
      return [choice?.chosen ?? '', choice ? clampAge(choice.ageMs) : '', 0, '', ''];
    }
    case 'choose':
      return [change.chosen ?? '', '', 0, '', ''];
    case 'close':
      return ['', '', Math.round(change.graceMs), '', ''];
    case 'announce':
      return ['', '', 0, change.graphRevision, JSON.stringify(change.only)];
    case 'activity':
      return ['', '', 0, '', ''];
  }
}
