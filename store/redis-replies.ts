/** What the scripts reply, as the port says it. */
import type {
  BeatOutcome,
  Cause,
  ChangeReply,
  Horizon,
  Inspection,
  Lease,
  LogRecord,
  OutboxEntry,
  Quiet,
  SessionRecord,
  Settled,
  ShardInspection,
  SweepReply,
} from './presence-store.ts';
import type {
  ChangeRaw,
  InspectRaw,
  InspectShardRaw,
  LeasesRaw,
  LookupRaw,
  StreamEntryRaw,
  SweepRaw,
} from './redis-scripts.ts';
import type { ActivityStatus, ChosenStatus, VisibleStatus } from './status.ts';

const OUTCOMES: Readonly<Record<string, BeatOutcome>> = {
  O: 'OK',
  U: 'UNKNOWN',
  L: 'LAPSED',
  C: 'CLOSED',
  E: 'EPOCH',
};

export function outcomesOf(letters: string): BeatOutcome[] {
  return Array.from(letters, (letter) => OUTCOMES[letter] ?? 'UNKNOWN');
}

export function changeReplyOf(userId: string, raw: ChangeRaw): ChangeReply {
  const [floor, holdMs, status, version, lastActiveMs, chosen, graphRevision, alive] = raw;
  return {
    floor,
    holdMs,
    settled: { userId, status, version, lastActiveMs },
    chosen: chosen === '' ? undefined : chosen,
    graphRevision,
    sessionAlive: alive === 1,
  };
}

export function sweepReplyOf(raw: SweepRaw): SweepReply {
  if (raw[0] === 0) return { owned: false, nowMs: raw[1] };
  const [, nowMs, floor, holdMs, due, nextDueMs, outbox, outboxLength] = raw;
  return {
    ...{ owned: true, nowMs, floor, holdMs, due, outboxLength },
    ...(nextDueMs > 0 ? { nextDueMs } : {}),
    outbox: outbox.map(outboxEntryOf),
  };
}

export function settledOf(userIds: readonly string[], raw: LookupRaw): Settled[] {
  return userIds.map((userId, index) => {
    const [status, version, lastActiveMs] = raw.slice(3 + 3 * index, 6 + 3 * index);
    return {
      userId,
      status: status as VisibleStatus,
      version: version as number,
      lastActiveMs: lastActiveMs as number,
    };
  });
}

export function inspectionOf(userId: string, shard: number, raw: InspectRaw): Inspection {
  const [floor, holdMs, nowMs, outboxLength, isWaiting, state] = raw;
  const fields = fieldsOf(state);
  const status = (fields.get('status') ?? 'OFFLINE') as VisibleStatus;
  const lastActive =
    status === 'OFFLINE' ? fields.get('last_active') : fields.get('view')?.split('|')[0];
  const version = Math.max(Number(fields.get('version') ?? 0), floor);
  return {
    ...{ shard, floor, holdMs, nowMs, outboxLength, isWaiting: isWaiting === 1 },
    settled: { userId, status, version, lastActiveMs: Number(lastActive ?? 0) },
    chosen: (fields.get('chosen') || undefined) as ChosenStatus | undefined,
    chosenAtMs: Number(fields.get('chosen_at') ?? 0),
    graphRevision: fields.get('revision') ?? '0',
    sessions: sessionsOf(fields, nowMs, holdMs > 0),
    log: logOf(fields),
  };
}

export function shardInspectionOf(raw: InspectShardRaw): ShardInspection {
  const [floor, holdMs, id, remainingMs, users, outboxLength] = raw;
  const owner = id === '' ? undefined : { id, remainingMs };
  return { floor, holdMs, owner, users, outboxLength };
}

export function leasesOf([nowMs, flat]: LeasesRaw): Lease[] {
  return [...fieldsOf(flat)]
    .map(([id, untilMs]) => ({ id, remainingMs: Number(untilMs) - nowMs }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The gateways in a presence key's value. Few lists come up again and again: each is parsed once. */
export function createRouteReader(): (value: string | null) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  return (value) => {
    if (value === null) return [];
    const list = value.slice(value.indexOf('['), -1);
    let gatewayIds = known.get(list);
    if (!gatewayIds) {
      gatewayIds = JSON.parse(list) as string[];
      if (known.size >= MAX_KNOWN_LISTS) known.clear();
      known.set(list, gatewayIds);
    }
    return gatewayIds;
  };
}

const MAX_KNOWN_LISTS = 10_000;

function outboxEntryOf([entryId, flat]: StreamEntryRaw): OutboxEntry {
  const fields = fieldsOf(flat);
  const field = (name: string): string => fields.get(name) ?? '';
  return {
    entryId,
    settled: {
      userId: field('user'),
      status: field('status') as VisibleStatus,
      version: Number(field('version')),
      lastActiveMs: Number(field('last_active')),
    },
    cause: field('cause') as Cause,
    settledAtMs: Number(field('at')),
    causedAtMs: Number(fields.get('caused') ?? field('at')),
    graphRevision: field('revision'),
    only: JSON.parse(field('only')) as string[],
    quiet: fields.get('quiet') as Quiet | undefined,
    horizon: horizonOf(fields),
    trace: field('trace'),
    awaited: fields.has('awaited'),
  };
}

function horizonOf(fields: Map<string, string>): Horizon | undefined {
  const floor = fields.get('floor');
  if (floor === undefined) return undefined;
  return { floor: Number(floor), forgottenBelow: Number(fields.get('forgotten') ?? 0) };
}

function fieldsOf(flat: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (let i = 0; i < flat.length; i += 2) fields.set(flat[i] ?? '', flat[i + 1] ?? '');
  return fields;
}

/** `beat|deadline|epoch|closing|activity|gateway|trace|device`; only the last may contain the separator. */
function sessionsOf(fields: Map<string, string>, nowMs: number, held: boolean): SessionRecord[] {
  const sessions: SessionRecord[] = [];
  for (const [field, record] of fields) {
    if (!field.startsWith('s:')) continue;
    const [beat, deadline, epoch, closing, activity, gatewayId = '', trace = '', ...device] =
      record.split('|');
    if (Number(deadline) < nowMs && !held) continue;
    sessions.push({
      ...{ sessionId: field.slice(2), gatewayId, trace, device: device.join('|') },
      activity: activity as ActivityStatus,
      ...{ lastBeatMs: Number(beat), epoch: Number(epoch), closing: closing === '1' },
      remainingMs: Math.max(0, Number(deadline) - nowMs),
    });
  }
  return sessions.sort((a, b) => a.remainingMs - b.remainingMs);
}

function logOf(fields: Map<string, string>): LogRecord[] {
  return [...fields]
    .filter(([field]) => field.startsWith('log:'))
    .map(([, record]) => {
      const [atMs, status, version, cause, trace = ''] = record.split('|');
      return {
        ...{ atMs: Number(atMs), status: status as VisibleStatus, version: Number(version) },
        ...{ cause: cause as Cause, trace },
      };
    })
    .sort((a, b) => b.version - a.version);
}
