/** PresenceService: generated types to store and back. */
import type {
  AnnounceRequest,
  AnnounceResponse,
  FilterOfflineRequest,
  FilterOfflineResponse,
  GetPresenceRequest,
  GetPresenceResponse,
  SetStatusRequest,
  SetStatusResponse,
} from '../gen/presence/v1/presence_service.ts';
import { status } from '@grpc/grpc-js';
import { toDuration } from '../lib/durations.ts';
import { invalidArgument, RpcError } from '../lib/errors.ts';
import type { CallContext } from '../lib/grpc/handlers.ts';
import { requireIdentifier, requireIdentifiers } from '../lib/identifiers.ts';
import type { Change, PresenceStore, Renewal } from '../store/presence-store.ts';
import { requireSessionId } from './ids.ts';
import { MAX_BATCH } from './limits.ts';
import type { LookUp } from './lookup.ts';
import { settle, type Origin } from './settle.ts';
import { fromActivity, fromChosen, toChosen, toPresence } from './wire.ts';

/** Users a call may name that reads all there is of each. */
const MAX_INSPECTED = 100;

export async function setStatus(
  store: PresenceStore,
  request: SetStatusRequest,
  context: CallContext,
): Promise<SetStatusResponse> {
  const reply = await settle(store, context, (origin) => statusChange(request, origin));
  if (!reply.sessionAlive) {
    throw new RpcError(
      status.NOT_FOUND,
      'activity.session_id: the session is not alive; register it again',
    );
  }
  return { presence: toPresence(reply.settled), chosen: toChosen(reply.chosen) };
}

function statusChange(request: SetStatusRequest, origin: Origin): Change {
  const userId = requireIdentifier('user_id', request.userId);
  const { change } = request;
  switch (change?.$case) {
    case 'chosen':
      return { kind: 'choose', userId, chosen: fromChosen('chosen', change.value), ...origin };
    case 'activity': {
      const { sessionId, activity, epoch } = change.value;
      requireSessionId('activity.session_id', sessionId);
      const automatic = fromActivity('activity.activity', activity);
      return { kind: 'activity', userId, sessionId, activity: automatic, epoch, ...origin };
    }
    case undefined:
      throw invalidArgument('change', 'is missing; give chosen or activity');
  }
}

export async function getPresence(
  lookUp: LookUp,
  request: GetPresenceRequest,
): Promise<GetPresenceResponse> {
  requireIdentifiers('user_ids', request.userIds, MAX_BATCH);
  const { settled, horizons, holdMs } = await lookUp(request.userIds);
  return {
    presences: settled.map(toPresence),
    holdRemaining: toDuration(holdMs),
    floors: horizons.map(({ floor }) => BigInt(floor)),
    forgottenBelow: horizons.map(({ forgottenBelow }) => BigInt(forgottenBelow)),
  };
}

export async function filterOffline(
  store: PresenceStore,
  request: FilterOfflineRequest,
): Promise<FilterOfflineResponse> {
  requireIdentifiers('user_ids', request.userIds, MAX_INSPECTED);
  const seen = await Promise.all(request.userIds.map((userId) => store.inspect(userId)));
  const offline = seen.filter(
    ({ settled, isWaiting }) => settled.status === 'OFFLINE' && !isWaiting,
  );
  return { presences: offline.map(({ settled }) => toPresence(settled)) };
}

function renewalOf(request: AnnounceRequest): { renew?: Renewal } {
  const { renew, renewPresent, renewView } = request;
  if (renew) return { renew: 'ALWAYS' };
  if (renewView) return { renew: 'VIEW' };
  return renewPresent ? { renew: 'PRESENT' } : {};
}

/** A revision stays with the user, and no smaller one ever replaces it: one that no graph can reach is refused. */
function requireRevision(graphRevision: bigint): void {
  if (graphRevision <= BigInt(Number.MAX_SAFE_INTEGER)) return;
  const mend = 'give the one that a call of GraphService answered';
  throw invalidArgument(
    'graph_revision',
    `${graphRevision} is above what a graph counts to; ${mend}`,
  );
}

export async function announce(
  store: PresenceStore,
  request: AnnounceRequest,
  context: CallContext,
): Promise<AnnounceResponse> {
  const userId = requireIdentifier('subject_user_id', request.subjectUserId);
  if (request.onlyUserIds.length > 0) {
    requireIdentifiers('only_user_ids', request.onlyUserIds, MAX_BATCH);
  }
  requireRevision(request.graphRevision);
  const reply = await settle(store, context, (origin) => ({
    kind: 'announce',
    userId,
    only: request.onlyUserIds,
    graphRevision: request.graphRevision.toString(),
    ...renewalOf(request),
    ...(request.shownVersion !== undefined && { shownVersion: Number(request.shownVersion) }),
    ...origin,
  }));
  return { presence: toPresence(reply.settled) };
}
