/**
 * Composition root of presence: three gRPC services over one store. Holds nothing that matters: when this process dies,
 * gateways beat through another one and no lease is the shorter for it.
 */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import {
  NotificationServiceService,
  type NotificationServiceServer,
} from '../gen/presence/v1/notification_service.ts';
import {
  PresenceServiceService,
  type PresenceServiceServer,
  type SetStatusRequest,
  type StreamHeartbeatsRequest,
  type StreamHeartbeatsResponse,
} from '../gen/presence/v1/presence_service.ts';
import {
  ConnectionRegistryServiceService,
  type ConnectionRegistryServiceServer,
  type CloseSessionRequest,
  type KeepGatewayRequest,
  type RegisterSessionRequest,
} from '../gen/registry/v1/registry_service.ts';
import { createAbortController } from '../lib/abort.ts';
import type { Clock } from '../lib/clock.ts';
import { answering } from '../lib/grpc/answers.ts';
import { serverStream, unary, type CallContext } from '../lib/grpc/handlers.ts';
import type { MountedService } from '../lib/grpc/server.ts';
import { inTime, neverLate, watchStandstill, type Standstill } from '../lib/grpc/standstill.ts';
import type { MessageBus } from '../lib/kafka/bus.ts';
import { createDisposer } from '../lib/lifecycle.ts';
import type { Logger } from '../lib/logger.ts';
import { createReadiness, type Readiness } from '../lib/readiness.ts';
import type { PresenceStore } from '../store/presence-store.ts';
import { explainPresence } from './explain.ts';
import { serveHeartbeats } from './heartbeats.ts';
import * as notificationHandlers from './notification-handlers.ts';
import { createLookUp } from './lookup.ts';
import { announce, filterOffline, getPresence, setStatus } from './presence-handlers.ts';
import * as registryHandlers from './registry-handlers.ts';
import { watchSettings } from './settings-check.ts';
import { watchPresence } from './watch.ts';
import { watchShardStates, type ShardStates } from './shard-states.ts';

export interface PresenceOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Not disposed with the part: it is whoever's made it. */
  readonly store: PresenceStore;
  /** Where fanout writes transitions, for WatchPresence; without it that one is refused. Not disposed either. */
  readonly bus?: MessageBus;
  /** Lease of a session after a heartbeat, ms; the store's own. */
  readonly leaseTtlMs: number;
  /** How long a session lives on after its socket closed, ms. */
  readonly closeGraceMs: number;
}

export interface PresencePart extends AsyncDisposable {
  readonly services: readonly MountedService[];
  readonly readiness: Readiness;
}

/** A gateway that has not renewed its lease for this long is sent nothing. */
const GATEWAY_TTL_MS = 3000;
/** How long a loss of data may go unseen where nobody beats. */
const WATCH_INTERVAL_MS = 200;

export function createPresence(options: PresenceOptions): PresencePart {
  const { store, clock, logger } = options;
  const disposer = createDisposer();
  const readiness = createReadiness(['redis', 'redis settings']);
  const shardStates = watchShardStates({
    store,
    clock,
    logger,
    readiness,
    intervalMs: WATCH_INTERVAL_MS,
  });
  disposer.defer(() => shardStates[Symbol.dispose]());
  const stopping = createAbortController();
  disposer.defer(() => stopping.abort());
  const standstill = watchStandstill(clock);
  disposer.defer(() => standstill[Symbol.dispose]());
  const guarded = { ...options, standstill };
  const settings = watchSettings({ ...options, readiness });
  disposer.defer(() => settings[Symbol.dispose]());
  return {
    readiness,
    services: [
      presenceService(guarded, shardStates, readiness, stopping),
      registryService(guarded, readiness, stopping),
      notificationService(options, readiness),
    ],
    [Symbol.asyncDispose]: () => disposer[Symbol.asyncDispose](),
  };
}

interface Guarded extends PresenceOptions {
  readonly standstill: Standstill;
}

function presenceService(
  { store, bus, clock, logger, standstill }: Guarded,
  shardStates: ShardStates,
  readiness: Readiness,
  stopping: AbortController,
): MountedService {
  const streams = { logger, stopping: stopping.signal };
  const lookUp = createLookUp(store);
  const set = (request: SetStatusRequest, context: CallContext) =>
    setStatus(store, request, context);
  const implementation: PresenceServiceServer = {
    streamHeartbeats: (
      call: ServerDuplexStream<StreamHeartbeatsRequest, StreamHeartbeatsResponse>,
    ) => serveHeartbeats(call, { store, shardStates, standstill, ...streams }),
    setStatus: unary(logger, inTime(standstill, set)),
    streamStatuses: answering(streams, neverLate(standstill, set)),
    getPresence: unary(logger, (request) => getPresence(lookUp, request)),
    streamLookups: answering(streams, (request) => getPresence(lookUp, request)),
    filterOffline: unary(logger, (request) => filterOffline(store, request)),
    announce: unary(logger, (request, context) => announce(store, request, context)),
    watchPresence: serverStream(logger, (request, context) =>
      watchPresence({ bus, store, shardStates, clock, logger }, request, context),
    ),
    explainPresence: unary(logger, (request) => explainPresence(store, request)),
  };
  const name = 'presence.v1.PresenceService';
  const onStop = (): void => stopping.abort();
  return { name, definition: PresenceServiceService, implementation, readiness, onStop };
}

function registryService(
  options: Guarded,
  readiness: Readiness,
  stopping: AbortController,
): MountedService {
  const { logger, standstill } = options;
  const streams = { logger, stopping: stopping.signal };
  const registry = { ...options, gatewayTtlMs: GATEWAY_TTL_MS };
  const register = (request: RegisterSessionRequest, context: CallContext) =>
    registryHandlers.registerSession(registry, request, context);
  const close = (request: CloseSessionRequest, context: CallContext) =>
    registryHandlers.closeSession(registry, request, context);
  const keep = inTime(standstill, (request: KeepGatewayRequest) =>
    registryHandlers.keepGateway(registry, request),
  );
  const implementation: ConnectionRegistryServiceServer = {
    registerSession: unary(logger, inTime(standstill, register)),
    streamRegistrations: answering(streams, neverLate(standstill, register)),
    closeSession: unary(logger, close),
    streamClosings: answering(streams, close),
    lookupRoutes: unary(logger, (request) => registryHandlers.lookupRoutes(registry, request)),
    listSessions: unary(logger, (request) => registryHandlers.listSessions(registry, request)),
    keepGateway: unary(logger, keep),
    listGateways: unary(logger, () => registryHandlers.listGateways(registry)),
    listShards: unary(logger, () => registryHandlers.listShards(registry)),
  };
  const name = 'registry.v1.ConnectionRegistryService';
  return { name, definition: ConnectionRegistryServiceService, implementation, readiness };
}

function notificationService(
  { store: { notifications }, logger }: PresenceOptions,
  readiness: Readiness,
): MountedService {
  const implementation: NotificationServiceServer = {
    requestNotification: unary(logger, (request) =>
      notificationHandlers.requestNotification(notifications, request),
    ),
    cancelNotification: unary(logger, (request) =>
      notificationHandlers.cancelNotification(notifications, request),
    ),
    listNotifications: unary(logger, (request) =>
      notificationHandlers.listNotifications(notifications, request),
    ),
  };
  const name = 'presence.v1.NotificationService';
  return { name, definition: NotificationServiceService, implementation, readiness };
}
