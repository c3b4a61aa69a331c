/**
 * `mesh up`: all four parts in one process. They talk real gRPC on loopback, as anywhere; each server whose setting is
 * missing is replaced by the in-process adapter of its port, so that nothing has to be installed.
 */
import { Command } from 'commander';
import { createFanout } from '../fanout/app.ts';
import { createGateway } from '../gateway/app.ts';
import { authOf } from '../gateway/config.ts';
import { GraphServiceClient } from '../gen/graph/v1/graph_service.ts';
import { NotificationServiceClient } from '../gen/presence/v1/notification_service.ts';
import { PresenceServiceClient } from '../gen/presence/v1/presence_service.ts';
import { ConnectionRegistryServiceClient } from '../gen/registry/v1/registry_service.ts';
import { createGraph } from '../graph/app.ts';
import { dgraphAddress } from '../graph/config.ts';
import { createDgraphGraphStore } from '../graph/dgraph-graph-store.ts';
import type { GraphStore } from '../graph/graph-store.ts';
import { createMemoryGraphStore } from '../graph/memory-graph-store.ts';
import { presenceThrough } from '../graph/grpc-presence.ts';
import { LOOPBACK, ownAddress } from '../lib/addresses.ts';
import { systemClock as clock } from '../lib/clock.ts';
import { ConfigError, readSettings, type Environment } from '../lib/config.ts';
import { createClientPool, type ClientConstructor, type ClientPool } from '../lib/grpc/client.ts';
import { createGrpcServer } from '../lib/grpc/server.ts';
import type { MessageBus } from '../lib/kafka/bus.ts';
import { createKafkaBus } from '../lib/kafka/kafka-bus.ts';
import { createMemoryBus } from '../lib/kafka/memory-bus.ts';
import { createDisposer, runProcess, type Disposer } from '../lib/lifecycle.ts';
import { createLogger, type Logger } from '../lib/logger.ts';
import { generateVapidKeys, vapidKeysOf, type VapidKeys } from '../lib/web-push/vapid.ts';
import { createPresence } from '../presence/app.ts';
import { createMemoryPresenceStore } from '../store/memory-presence-store.ts';
import type { PresenceStore } from '../store/presence-store.ts';
import { createDamageReport } from '../store/damage.ts';
import { createRedisPresenceStore } from '../store/redis-presence-store.ts';
import { allSettings, knownNames } from './settings.ts';

const CLOSE_WITHIN_MS = 15_000;
const GRPC_DRAIN_MS = 500;
/** Nobody has to wait for clients to leave a process that a developer stops. */
const GATEWAY_DRAIN_MS = 500;

type Settings = ReturnType<typeof readUpSettings>;

/** @throws ConfigError */
function readUpSettings(env: Environment) {
  const settings = readSettings(allSettings, env, knownNames);
  const { MESH_HEARTBEAT_INTERVAL_MS: intervalMs, MESH_LEASE_TTL_MS: leaseTtlMs } = settings;
  if (intervalMs < leaseTtlMs) return settings;
  throw new ConfigError([
    `MESH_HEARTBEAT_INTERVAL_MS=${intervalMs}: must be below MESH_LEASE_TTL_MS, ${leaseTtlMs}: ` +
      'between two heartbeats everybody would be offline; a sixth of it is usual',
  ]);
}

export function upCommand(env: Environment): Command {
  return new Command('up')
    .description('everything in one process: WebSocket and HTTP on :8080, gRPC on :50051')
    .action(() => {
      const logger = createLogger('up', 'warn');
      const start = () => up(readUpSettings(env), logger);
      return runProcess(start, { clock, logger, closeWithinMs: CLOSE_WITHIN_MS });
    });
}

async function up(settings: Settings, logger: Logger): Promise<AsyncDisposable> {
  const disposer = createDisposer();
  try {
    await start(settings, logger, disposer);
    return disposer;
  } catch (error) {
    await disposer[Symbol.asyncDispose]();
    throw error;
  }
}

async function start(settings: Settings, logger: Logger, disposer: Disposer): Promise<void> {
  const vapid = vapidKeysOf(settings) ?? passingKeys(settings);
  const store = disposer.add(createStore(settings, logger));
  const bus = disposer.add(createBus(settings));
  const grpcAddress = await serveGrpc(settings, { logger, store, bus }, disposer);
  const pool = <C extends { close(): void }>(service: ClientConstructor<C>, name: string) =>
    openPool(disposer, service, name, grpcAddress);
  const graph = pool(GraphServiceClient, 'graph');
  disposer.add(
    await createFanout({
      ...{ clock, logger, store, bus, graph },
      workerId: `up-${clock.uuid().slice(0, 8)}`,
      httpPort: undefined,
      vapid,
      partitions: settings.MESH_KAFKA_PARTITIONS,
      replication: settings.MESH_KAFKA_REPLICATION,
    }),
  );
  const gateway = disposer.add(
    await createGateway({
      ...{ clock, logger, bus, graph },
      presence: pool(PresenceServiceClient, 'presence'),
      registry: pool(ConnectionRegistryServiceClient, 'presence'),
      notifications: pool(NotificationServiceClient, 'presence'),
      vapidPublicKey: vapid?.publicKey,
      host: settings.MESH_HTTP_HOST,
      allowedOrigins: settings.MESH_ALLOWED_ORIGINS,
      httpPort: settings.MESH_HTTP_PORT,
      gatewayName: settings.MESH_GATEWAY_NAME ?? 'up',
      heartbeatIntervalMs: settings.MESH_HEARTBEAT_INTERVAL_MS,
      topicReplication: settings.MESH_KAFKA_REPLICATION,
      drainMs: GATEWAY_DRAIN_MS,
      auth: authOf(settings),
    }),
  );
  announceReady(gateway, settings, grpcAddress);
}

/** A developer's notifications work without a setting, for as long as the process lives. */
function passingKeys({ MESH_AUTH: auth }: Settings): VapidKeys | undefined {
  return auth === 'dev' ? generateVapidKeys('mailto:developer@localhost') : undefined;
}

/** Presence and graph on one server. Graph reaches presence through it, once it listens. */
async function serveGrpc(
  settings: Settings,
  { logger, store, bus }: { logger: Logger; store: PresenceStore; bus: MessageBus },
  disposer: Disposer,
): Promise<string> {
  const presence = disposer.add(
    createPresence({
      ...{ clock, logger, store, bus },
      leaseTtlMs: settings.MESH_LEASE_TTL_MS,
      closeGraceMs: settings.MESH_CLOSE_GRACE_MS,
    }),
  );
  const listening = deferred<ReturnType<typeof presenceThrough>>();
  const graph = disposer.add(
    createGraph({
      ...{ clock, logger },
      store: disposer.add(createEdges(settings)),
      presence: {
        announce: async (call) => (await listening.promise).announce(call),
        offline: async (userIds) => (await listening.promise).offline(userIds),
      },
    }),
  );
  const { port } = disposer.add(
    await createGrpcServer({
      services: [...presence.services, ...graph.services],
      host: settings.MESH_GRPC_HOST,
      port: settings.MESH_GRPC_PORT,
      drainMs: GRPC_DRAIN_MS,
      clock,
    }),
  );
  const address = ownAddress(settings.MESH_GRPC_HOST, port);
  listening.resolve(
    presenceThrough(openPool(disposer, PresenceServiceClient, 'presence', address)),
  );
  return address;
}

function openPool<C extends { close(): void }>(
  disposer: Disposer,
  service: ClientConstructor<C>,
  name: string,
  address: string,
): ClientPool<C> {
  const pool = createClientPool({ service, name, addresses: [address], clock });
  disposer.defer(() => pool[Symbol.dispose]());
  return pool;
}

function createStore(settings: Settings, logger: Logger): PresenceStore {
  const { MESH_REDIS_URL: urls, MESH_SHARDS: shardCount, MESH_LEASE_TTL_MS: leaseTtlMs } = settings;
  if (!urls) return createMemoryPresenceStore({ shardCount, leaseTtlMs, clock });
  const onDamage = createDamageReport(logger, clock);
  return createRedisPresenceStore({ urls, shardCount, leaseTtlMs, clock, onDamage });
}

function createBus({ MESH_KAFKA_BROKERS: brokers }: Settings): MessageBus {
  return brokers
    ? createKafkaBus({ brokers, clientId: 'mesh-up', clock })
    : createMemoryBus({ clock });
}

function createEdges(settings: Settings): GraphStore {
  const { MESH_DGRAPH_URL: url, MESH_PUSH_MAX_FOLLOWERS: maxFollowers } = settings;
  if (!url) return createMemoryGraphStore({ clock, maxFollowers });
  return createDgraphGraphStore({ address: dgraphAddress(url), clock, maxFollowers });
}

interface Serving {
  readonly port: number;
  ready(): Promise<void>;
  problems(): readonly string[];
}

const SLOW_START_MS = 5000;

/** Says where it serves, once it does; while it does not, why. */
function announceReady(gateway: Serving, settings: Settings, grpcAddress: string): void {
  const slow = clock.every(SLOW_START_MS, () => {
    for (const problem of gateway.problems()) process.stderr.write(`waiting: ${problem}\n`);
  });
  void gateway.ready().then(() => {
    slow.cancel();
    process.stdout.write(welcome(settings, gateway.port, grpcAddress));
  });
}

function welcome(settings: Settings, httpPort: number, grpcAddress: string): string {
  const http = ownAddress(settings.MESH_HTTP_HOST ?? LOOPBACK, httpPort);
  const where = (addresses: readonly string[] | undefined): string =>
    addresses?.join(', ') ?? 'in process';
  const befriend = `grpcurl -plaintext -d '{"user_id":"alice","friend_user_id":"bob"}' ${grpcAddress} graph.v1.GraphService/Befriend`;
  const token = settings.MESH_AUTH === 'dev' ? 'dev:alice' : 'TOKEN';
  return [
    'presence-mesh is up',
    consoleLine(settings, http),
    `  WebSocket  ws://${http}/v1/ws?access_token=${token}`,
    `  HTTP       http://${http}/readyz`,
    `  gRPC       ${grpcAddress}`,
    `  Redis      ${where(settings.MESH_REDIS_URL?.map((url) => new URL(url).host))}`,
    `  Kafka      ${where(settings.MESH_KAFKA_BROKERS)}`,
    `  Dgraph     ${where(settings.MESH_DGRAPH_URL === undefined ? undefined : [settings.MESH_DGRAPH_URL])}`,
    'Try:',
    `  ${befriend}`,
    '',
  ].join('\n');
}

function consoleLine({ MESH_AUTH: auth }: Settings, http: string): string {
  const query = auth === 'dev' ? '?user=alice' : '';
  return `  Console    http://${http}/${query}`;
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}
