/** The other parts in this process over their in-process adapters and real gRPC, with gateways to be added. */
import { createGateway, type Gateway } from '../../gateway/app.ts';
import type { GatewayOptions } from '../../gateway/gateway-options.ts';
import { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import { NotificationServiceClient } from '../../gen/presence/v1/notification_service.ts';
import { PresenceServiceClient } from '../../gen/presence/v1/presence_service.ts';
import { ConnectionRegistryServiceClient } from '../../gen/registry/v1/registry_service.ts';
import { createFanout, type FanoutOptions, type FanoutPart } from '../../fanout/app.ts';
import { createGraph } from '../../graph/app.ts';
import { createMemoryGraphStore } from '../../graph/memory-graph-store.ts';
import { presenceThrough } from '../../graph/grpc-presence.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { createClientPool, type ClientPool } from '../../lib/grpc/client.ts';
import { createGrpcServer, type GrpcServer, type MountedService } from '../../lib/grpc/server.ts';
import type { MessageBus } from '../../lib/kafka/bus.ts';
import { createMemoryBus } from '../../lib/kafka/memory-bus.ts';
import { createDisposer } from '../../lib/lifecycle.ts';
import { createLogger } from '../../lib/logger.ts';
import { generateVapidKeys, type VapidKeys } from '../../lib/web-push/vapid.ts';
import { createPresence, type PresencePart } from '../../presence/app.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { connect, type ConnectOptions, type EdgeClient } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';

export interface InProcessMeshOptions {
  /** Default 60,000: nobody is gone because the machine was busy. */
  readonly leaseTtlMs?: number;
  readonly closeGraceMs?: number;
  /** Followers up to which a user is pushed; default 5,000. */
  readonly maxFollowers?: number;
  /** Signs notifications; default: fresh keys. */
  readonly vapid?: VapidKeys;
  /** The parts' time, timers and randomness; default the system's. Deadlines of calls are the system's always. */
  readonly clock?: Clock;
  /** Stands between the parts and the presence store. */
  readonly aroundStore?: (store: PresenceStore) => PresenceStore;
  /** Fanout workers at the start; default 1. */
  readonly workers?: number;
  /** A second presence process beside the one that is stopped and started, both behind one name. */
  readonly hasSecondPresence?: boolean;
}

export interface InProcessMesh extends AsyncDisposable {
  readonly store: PresenceStore;
  readonly bus: MessageBus;
  readonly graph: ClientPool<GraphServiceClient>;
  readonly registry: ClientPool<ConnectionRegistryServiceClient>;
  readonly presence: ClientPool<PresenceServiceClient>;
  readonly notifications: ClientPool<NotificationServiceClient>;
  /** A gateway that is ready; closed with the mesh. */
  addGateway(overrides?: Partial<GatewayOptions>): Promise<Gateway>;
  /** Another fanout worker; closed with the mesh. */
  addWorker(overrides?: Partial<FanoutOptions>): Promise<FanoutPart>;
  befriend(userId: string, friendUserId: string): Promise<void>;
  /** All users are gone from the store, as when Redis has lost its data. */
  loseData(): void;
  /** Stops presence and its gRPC server, and starts another one on the same port. */
  stopPresence(): Promise<void>;
  startPresence(): Promise<void>;
}

export const logger = createLogger('test', 'silent');
const HOST = '127.0.0.1';

const asItIs = (store: PresenceStore): PresenceStore => store;

/** Tests ask again and again, faster than a user may. */
const ANY_RATE = { perSecond: 1e6, burst: 1e6 };
/** Another address of this machine: what a name may lead to besides. */
const SECOND_HOST = '127.0.0.2';

const serve = (services: readonly MountedService[], port = 0, host = HOST): Promise<GrpcServer> =>
  createGrpcServer({ services, host, port, drainMs: 0, clock: systemClock });

export async function startInProcessMesh(
  options: InProcessMeshOptions = {},
): Promise<InProcessMesh> {
  const { leaseTtlMs = 60_000, closeGraceMs = 300, maxFollowers = 5000 } = options;
  const { vapid = generateVapidKeys('mailto:test@example.org') } = options;
  const { clock = systemClock, aroundStore = asItIs } = options;
  const disposer = createDisposer();
  const bus = disposer.add(createMemoryBus({ clock }));
  const memory = disposer.add(createMemoryPresenceStore({ shardCount: 8, leaseTtlMs, clock }));
  const store = aroundStore(memory);
  const newPresence = () => createPresence({ clock, logger, store, bus, leaseTtlMs, closeGraceMs });
  /** A part that has stopped does not start again: a new one takes its place. */
  let presencePart: PresencePart | undefined = newPresence();
  let presenceServer: GrpcServer | undefined = await serve(presencePart.services);
  const presencePort = presenceServer.port;
  const stopPresence = async (): Promise<void> => {
    await presenceServer?.[Symbol.asyncDispose]();
    await presencePart?.[Symbol.asyncDispose]();
    presenceServer = presencePart = undefined;
  };
  disposer.defer(stopPresence);
  const hosts = [HOST];
  if (options.hasSecondPresence) {
    const { services } = disposer.add(newPresence());
    disposer.add(await serve(services, presencePort, SECOND_HOST));
    hosts.push(SECOND_HOST);
  }
  const presenceAt = {
    addresses: [`presence:${presencePort}`],
    resolve: () => Promise.resolve(hosts),
    clock: systemClock,
  };
  const presence = createClientPool({
    service: PresenceServiceClient,
    name: 'presence',
    ...presenceAt,
  });
  const registry = createClientPool({
    service: ConnectionRegistryServiceClient,
    name: 'presence',
    ...presenceAt,
  });
  const notifications = createClientPool({
    service: NotificationServiceClient,
    name: 'presence',
    ...presenceAt,
  });
  disposer.defer(() => notifications[Symbol.dispose]());
  disposer.defer(() => presence[Symbol.dispose]());
  disposer.defer(() => registry[Symbol.dispose]());
  const graphPart = disposer.add(
    createGraph({
      clock,
      logger,
      store: createMemoryGraphStore({ clock, maxFollowers }),
      presence: presenceThrough(presence),
    }),
  );
  const graphServer = disposer.add(await serve(graphPart.services));
  const graph = createClientPool({
    service: GraphServiceClient,
    name: 'graph',
    addresses: [`${HOST}:${graphServer.port}`],
    clock: systemClock,
  });
  disposer.defer(() => graph[Symbol.dispose]());
  let workers = 0;
  const addWorker = async (overrides: Partial<FanoutOptions> = {}): Promise<FanoutPart> => {
    const workerId = `worker-${++workers}`;
    const base = { clock, logger, store, bus, graph, workerId, vapid, httpPort: undefined };
    return disposer.add(await createFanout({ ...base, ...overrides }));
  };
  for (let i = 0; i < (options.workers ?? 1); i++) await addWorker();
  return {
    store,
    bus,
    graph,
    registry,
    presence,
    notifications,
    addWorker,
    async addGateway(overrides = {}) {
      const gateway = disposer.add(
        await createGateway({
          clock,
          logger,
          bus,
          presence,
          registry,
          notifications,
          graph,
          vapidPublicKey: vapid.publicKey,
          httpPort: 0,
          auth: { mode: 'dev' },
          heartbeatIntervalMs: 5000,
          drainMs: 200,
          limits: { requests: ANY_RATE },
          ...overrides,
        }),
      );
      await gateway.ready();
      return gateway;
    },
    loseData: () => memory.lose(),
    async befriend(userId, friendUserId) {
      await graph.unary((client) => client.befriend, { userId, friendUserId });
    },
    stopPresence,
    async startPresence() {
      const { services } = (presencePart = newPresence());
      // Somebody's outgoing connection may have the port for a moment.
      presenceServer = await eventually(() => serve(services, presencePort));
    },
    [Symbol.asyncDispose]: () => disposer[Symbol.asyncDispose](),
  };
}

export const addressOf = (gateway: Gateway): string => `${HOST}:${gateway.port}`;

/** A client that beats every 200 ms; resolves when its first snapshot is complete. */
export function join(
  gateway: Gateway,
  userId: string,
  options: ConnectOptions = {},
): Promise<EdgeClient> {
  return connect(addressOf(gateway), userId, { heartbeatMs: 200, ...options });
}
