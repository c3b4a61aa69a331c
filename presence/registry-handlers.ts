/** ConnectionRegistryService: generated types to store and back. */
import { status } from '@grpc/grpc-js';
import {
  CloseReason,
  type CloseSessionRequest,
  type CloseSessionResponse,
  type KeepGatewayRequest,
  type KeepGatewayResponse,
  type ListGatewaysResponse,
  type ListShardsResponse,
  type ListSessionsRequest,
  type ListSessionsResponse,
  type LookupRoutesRequest,
  type LookupRoutesResponse,
  type RegisterSessionRequest,
  type RegisterSessionResponse,
  type Session,
  type Shard,
} from '../gen/registry/v1/registry_service.ts';
import { deviceProblem } from '../lib/device-name.ts';
import { toDuration } from '../lib/durations.ts';
import { invalidArgument, RpcError } from '../lib/errors.ts';
import type { CallContext } from '../lib/grpc/handlers.ts';
import { requireIdentifier, requireIdentifiers } from '../lib/identifiers.ts';
import type {
  Change,
  ChangeReply,
  PresenceStore,
  SessionRecord,
  ShardInspection,
} from '../store/presence-store.ts';
import { TooManySessionsError } from '../store/too-many-sessions.ts';
import { requireGatewayId, requireSessionId } from './ids.ts';
import { MAX_BATCH } from './limits.ts';
import { settle, type Origin } from './settle.ts';
import { fromActivity, fromChosen, toActivity, toChosen, toPresence } from './wire.ts';

/** Where sessions are, and for how long. */
export interface Registry {
  readonly store: PresenceStore;
  /** Lease of a session after a heartbeat, ms. */
  readonly leaseTtlMs: number;
  /** How long a session lives on after its socket closed, ms. */
  readonly closeGraceMs: number;
  /** Lease of a gateway, ms. */
  readonly gatewayTtlMs: number;
}

export async function registerSession(
  registry: Registry,
  request: RegisterSessionRequest,
  context: CallContext,
): Promise<RegisterSessionResponse> {
  const { store } = registry;
  const reply = await opened(settle(store, context, (origin) => openChange(request, origin)));
  return {
    presence: toPresence(reply.settled),
    chosen: toChosen(reply.chosen),
    graphRevision: BigInt(reply.graphRevision),
    shard: store.shardOf(request.userId),
    floor: BigInt(reply.floor),
    holdRemaining: toDuration(reply.holdMs),
    leaseTtl: toDuration(registry.leaseTtlMs),
  };
}

async function opened(reply: Promise<ChangeReply>): Promise<ChangeReply> {
  try {
    return await reply;
  } catch (error) {
    if (!(error instanceof TooManySessionsError)) throw error;
    throw new RpcError(status.RESOURCE_EXHAUSTED, `user_id: ${error.message}`, { cause: error });
  }
}

function openChange(request: RegisterSessionRequest, origin: Origin): Change {
  const userId = requireIdentifier('user_id', request.userId);
  const { sessionId, gatewayId, device, epoch, beatAgeMs, choice } = request;
  requireSessionId('session_id', sessionId);
  requireGatewayId('gateway_id', gatewayId);
  const problem = deviceProblem(device);
  if (problem) throw invalidArgument('device', problem);
  const activity = fromActivity('activity', request.activity);
  const open = {
    kind: 'open',
    userId,
    sessionId,
    gatewayId,
    device,
    activity,
    epoch,
    ...origin,
  } as const;
  if (!choice) return { ...open, ageMs: beatAgeMs };
  const chosen = fromChosen('choice.status', choice.status);
  return { ...open, ageMs: beatAgeMs, choice: { chosen, ageMs: choice.ageMs } };
}

export async function closeSession(
  registry: Registry,
  request: CloseSessionRequest,
  context: CallContext,
): Promise<CloseSessionResponse> {
  const userId = requireIdentifier('user_id', request.userId);
  const { sessionId, beatAgeMs } = request;
  requireSessionId('session_id', sessionId);
  const graceMs = graceOf(registry, request.reason);
  const reply = await settle(registry.store, context, (origin) => ({
    ...{ kind: 'close', userId, sessionId, graceMs },
    ...(beatAgeMs !== undefined && { ageMs: beatAgeMs }),
    ...origin,
  }));
  return { presence: toPresence(reply.settled) };
}

function graceOf(registry: Registry, reason: CloseReason): number {
  if (reason === CloseReason.CLOSE_REASON_LOGOUT) return 0;
  if (reason === CloseReason.CLOSE_REASON_DISCONNECTED) return registry.closeGraceMs;
  throw invalidArgument('reason', 'give CLOSE_REASON_DISCONNECTED or CLOSE_REASON_LOGOUT');
}

export async function lookupRoutes(
  { store }: Registry,
  { userIds }: LookupRoutesRequest,
): Promise<LookupRoutesResponse> {
  requireIdentifiers('user_ids', userIds, MAX_BATCH);
  const gateways = await store.routes(userIds);
  return {
    routes: userIds.map((userId, index) => ({ userId, gatewayIds: [...(gateways[index] ?? [])] })),
  };
}

export async function listSessions(
  { store }: Registry,
  request: ListSessionsRequest,
): Promise<ListSessionsResponse> {
  const { sessions } = await store.inspect(requireIdentifier('user_id', request.userId));
  return { sessions: sessions.map(toSession) };
}

function toSession(record: SessionRecord): Session {
  return {
    sessionId: record.sessionId,
    gatewayId: record.gatewayId,
    device: record.device,
    activity: toActivity(record.activity),
    lastBeat: new Date(record.lastBeatMs),
    remaining: toDuration(record.remainingMs),
    closing: record.closing,
  };
}

export async function keepGateway(
  { store, gatewayTtlMs }: Registry,
  { gatewayId, release }: KeepGatewayRequest,
): Promise<KeepGatewayResponse> {
  requireGatewayId('gateway_id', gatewayId);
  const remainingMs = await store.keepLease('gateways', gatewayId, release ? 0 : gatewayTtlMs);
  return { remaining: toDuration(remainingMs) };
}

export async function listGateways({ store }: Registry): Promise<ListGatewaysResponse> {
  const leases = await store.listLeases('gateways');
  return {
    gateways: leases.map(({ id, remainingMs }) => ({
      gatewayId: id,
      remaining: toDuration(remainingMs),
    })),
  };
}

export async function listShards({ store }: Registry): Promise<ListShardsResponse> {
  const numbers = Array.from({ length: store.shardCount }, (_, shard) => shard);
  const inspections = await Promise.all(numbers.map((shard) => store.inspectShard(shard)));
  return { shards: inspections.map(toShard) };
}

function toShard({ owner, ...seen }: ShardInspection, shard: number): Shard {
  return {
    shard,
    ownerWorkerId: owner?.id ?? '',
    ownerRemaining: owner && toDuration(owner.remainingMs),
    users: seen.users,
    outboxLength: BigInt(seen.outboxLength),
    floor: BigInt(seen.floor),
    holdRemaining: toDuration(seen.holdMs),
  };
}
