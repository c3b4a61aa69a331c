/** What the scripts reply, as the port says it. */
import type { TellDamage } from './damage.ts';
import type {
  Beat,
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

/** A session that cannot be read is to be opened again, which mends it. */
export function outcomesOf(
  letters: string,
  beats: readonly Beat[],
  onDamage: TellDamage,
): BeatOutcome[] {
  return Array.from(letters, (letter, index) => {
    if (letter === 'D') onDamage(beats[index]?.userId ?? '', 'unreadable: a session or the view');
    return OUTCOMES[letter] ?? 'UNKNOWN';
  });
}

export function changeReplyOf(userId: string, raw: ChangeRaw, onDamage: TellDamage): ChangeReply {
  const [floor, holdMs, status, version, lastActiveMs, chosen, graphRevision, alive, problem] = raw;
  if (problem !== '') onDamage(userId, problem);
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
  const [, nowMs, floor, holdMs, due, nextDueMs, outbox, outboxLength, isAhead] = raw;
  return {
    ...{ owned: true, nowMs, floor, holdMs, due, outboxLength, isAhead: isAhead === 1 },
    ...(nextDueMs > 0 ? { nextDueMs } : {}),
    outbox: outbox.map(outboxEntryOf),
  };
}

/** @param problems userId and problem, again and again. */
export function tellProblems(problems: readonly string[], onDamage: TellDamage): void {
  for (let i = 0; i < problems.length; i += 2) onDamage(problems[i] ?? '', problems[i + 1] ?? '');
}

/** Who cannot be read is OFFLINE, at the floor. */
export function settledOf(
  userIds: readonly string[],
  raw: LookupRaw,
  onDamage: TellDamage,
): Settled[] {
  return userIds.map((userId, index) => {
    const [status, version, lastActiveMs] = userFieldsOf(raw, index);
    const settled = { userId, status, version, lastActiveMs } as Settled;
    if (isWell(settled)) return settled;
    onDamage(userId, 'unreadable: status, version or last-active');
    return { userId, status: 'OFFLINE', version: raw[0], lastActiveMs: 0 };
  });
}

/** What cannot be read is at the floor of the shard. */
export function horizonsOf(userIds: readonly string[], raw: LookupRaw): Horizon[] {
  const [shardFloor, , forgottenBelow] = raw;
  return userIds.map((_, index) => {
    const floor = Number(userFieldsOf(raw, index)[3]);
    return { floor: Number.isSafeInteger(floor) ? floor : shardFloor, forgottenBelow };
  });
}

const FIELDS_BEFORE_USERS = 3;
const FIELDS_A_USER = 4;

function userFieldsOf(raw: LookupRaw, index: number): (string | number)[] {
  const from = FIELDS_BEFORE_USERS + FIELDS_A_USER * index;
  return raw.slice(from, from + FIELDS_A_USER);
}

const STATUSES: ReadonlySet<string> = new Set(['ONLINE', 'AWAY', 'BUSY', 'OFFLINE']);
/** The last moment that a Date knows. */
const MAX_TIME_MS = 8.64e15;

function isWell({ status, version, lastActiveMs }: Settled): boolean {
  const isTime = lastActiveMs >= 0 && lastActiveMs <= MAX_TIME_MS;
  return isTime && version >= 0 && version <= Number.MAX_SAFE_INTEGER && STATUSES.has(status);
}

export function inspectionOf(userId: string, shard: number, raw: InspectRaw): Inspection {
  const [floor, holdMs, nowMs, outboxLength, isWaiting, state] = raw;
  const fields = fieldsOf(state);
  const stored = fields.get('status') ?? 'OFFLINE';
  const status = STATUSES.has(stored) ? (stored as VisibleStatus) : 'OFFLINE';
  const lastActive =
    status === 'OFFLINE' ? fields.get('last_active') : fields.get('view')?.split('|')[0];
  const version = Math.max(numberOf(fields.get('version')), floor);
  return {
    ...{ shard, floor, holdMs, nowMs, outboxLength, isWaiting: isWaiting === 1 },
    settled: { userId, status, version, lastActiveMs: numberOf(lastActive) },
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
export function createRouteReader(
  onDamage: TellDamage,
): (value: string | null, userId: string) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  return (value, userId) => {
    if (value === null) return [];
    const list = value.slice(value.indexOf('['), -1);
    let gatewayIds = known.get(list);
    if (!gatewayIds) {
      gatewayIds = parseList(list);
      if (!gatewayIds) {
        onDamage(userId, 'unreadable: the presence key');
        return [];
      }
      if (known.size >= MAX_KNOWN_LISTS) known.clear();
      known.set(list, gatewayIds);
    }
    return gatewayIds;
  };
}

const MAX_KNOWN_LISTS = 10_000;

/** Undefined when it is none: the user's next heartbeat writes it anew. */
function parseList(text: string): readonly string[] | undefined {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((id) => typeof id === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}

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
    if (!isNumber(beat) || !isNumber(deadline) || !isNumber(epoch)) continue;
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

const numberOf = (text: string | undefined): number => (isNumber(text) ? Number(text) : 0);

const isNumber = (text: string | undefined): boolean => /^\d{1,16}$/.test(text ?? '');

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
