/** Why a user is shown as they are: what the store knows, in the contract's words and in a sentence. */
import type {
  ExplainPresenceRequest,
  ExplainPresenceResponse,
} from '../gen/presence/v1/presence_service.ts';
import type { ExplainedSession, PastTransition } from '../gen/presence/v1/explanation.ts';
import { Cause } from '../gen/presence/v1/transition.ts';
import { toDuration } from '../lib/durations.ts';
import { requireIdentifier } from '../lib/identifiers.ts';
import type {
  Cause as StoreCause,
  Inspection,
  LogRecord,
  PresenceStore,
  SessionRecord,
} from '../store/presence-store.ts';
import { toChosen, toPresence, toStatus } from './wire.ts';

export async function explainPresence(
  store: PresenceStore,
  request: ExplainPresenceRequest,
): Promise<ExplainPresenceResponse> {
  const userId = requireIdentifier('user_id', request.userId);
  const [seen, [routes], gateways] = await Promise.all([
    store.inspect(userId),
    store.routes([userId]),
    store.listLeases('gateways'),
  ]);
  const alive = new Set(gateways.map(({ id }) => id));
  return {
    explanation: {
      presence: toPresence(seen.settled),
      reason: reasonOf(seen),
      chosen: toChosen(seen.chosen),
      chosenAt: seen.chosen ? new Date(seen.chosenAtMs) : undefined,
      sessions: seen.sessions.map((session) => toSession(session, alive)),
      transitions: seen.log.map(toTransition),
      routeGatewayIds: (routes ?? []).filter((id) => alive.has(id)),
      graphRevision: BigInt(seen.graphRevision),
      shard: seen.shard,
      shardFloor: BigInt(seen.floor),
      holdRemaining: toDuration(seen.holdMs),
      outboxLength: BigInt(seen.outboxLength),
    },
  };
}

/** One sentence. */
export function reasonOf(seen: Inspection): string {
  const { settled, chosen, sessions } = seen;
  const count = sessions.length === 1 ? '1 live session' : `${sessions.length} live sessions`;
  if (settled.status === 'OFFLINE') {
    if (chosen === 'INVISIBLE' && sessions.length > 0)
      return `OFFLINE by choice (INVISIBLE), with ${count}`;
    return `OFFLINE: no live session${lastEnd(seen)}`;
  }
  if (chosen) return `${settled.status} by choice, with ${count}`;
  const active = sessions.filter(({ activity }) => activity === 'ONLINE').length;
  return `${settled.status} by activity: ${count}, ${active} of them active`;
}

const ends: Partial<Record<StoreCause, string>> = {
  EXPIRED: 'its heartbeats stopped',
  CLOSED: 'its socket closed and the grace ended',
  LOGOUT: 'it logged out',
};

function lastEnd({ log, settled }: Inspection): string {
  const [last] = log;
  if (!last) return settled.lastActiveMs > 0 ? '' : '; never seen';
  const how = ends[last.cause];
  return how ? `; the last one ended at ${new Date(last.atMs).toISOString()}: ${how}` : '';
}

function toSession(session: SessionRecord, alive: ReadonlySet<string>): ExplainedSession {
  return {
    sessionId: session.sessionId,
    gatewayId: session.gatewayId,
    gatewayAlive: alive.has(session.gatewayId),
    device: session.device,
    automatic: toStatus(session.activity),
    lastBeat: new Date(session.lastBeatMs),
    remaining: toDuration(session.remainingMs),
    closing: session.closing,
    traceparent: session.trace,
  };
}

function toTransition(record: LogRecord): PastTransition {
  return {
    settledAt: new Date(record.atMs),
    status: toStatus(record.status),
    version: BigInt(record.version),
    cause: Cause[`CAUSE_${record.cause}`],
    traceparent: record.trace,
  };
}
