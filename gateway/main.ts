/** The gateway as a process of its own. */
import { GraphServiceClient } from '../gen/graph/v1/graph_service.ts';
import { NotificationServiceClient } from '../gen/presence/v1/notification_service.ts';
import { PresenceServiceClient } from '../gen/presence/v1/presence_service.ts';
import { ConnectionRegistryServiceClient } from '../gen/registry/v1/registry_service.ts';
import { systemClock as clock } from '../lib/clock.ts';
import { ConfigError, type Environment } from '../lib/config.ts';
import { createClientPool, type ClientConstructor, type ClientPool } from '../lib/grpc/client.ts';
import { createKafkaBus } from '../lib/kafka/kafka-bus.ts';
import { createDisposer, runProcess } from '../lib/lifecycle.ts';
import { createLogger, type Logger } from '../lib/logger.ts';
import { createGateway } from './app.ts';
import { authOf, readGatewaySettings, type GatewaySettings } from './config.ts';

/** Longer than the drain. */
export const CLOSE_WITHIN_MS = 15_000;

export function main(env: Environment, known: readonly string[]): Promise<void> {
  const logger = createLogger('gateway');
  const start = () => serve(readGatewaySettings(env, known), logger);
  return runProcess(start, { clock, logger, closeWithinMs: CLOSE_WITHIN_MS });
}

async function serve(settings: GatewaySettings, logger: Logger): Promise<AsyncDisposable> {
  const { brokers, presenceAddresses, graphAddresses } = requireServers(settings);
  const disposer = createDisposer();
  const bus = disposer.add(createKafkaBus({ brokers, clientId: 'gateway', clock }));
  const pool = <C extends { close(): void }>(
    service: ClientConstructor<C>,
    name: string,
    addresses: readonly string[],
  ): ClientPool<C> => {
    const opened = createClientPool({ service, name, addresses, clock, logger });
    disposer.defer(() => opened[Symbol.dispose]());
    return opened;
  };
  const gateway = disposer.add(
    await createGateway({
      clock,
      logger,
      bus,
      presence: pool(PresenceServiceClient, 'presence', presenceAddresses),
      registry: pool(ConnectionRegistryServiceClient, 'presence', presenceAddresses),
      notifications: pool(NotificationServiceClient, 'presence', presenceAddresses),
      graph: pool(GraphServiceClient, 'graph', graphAddresses),
      host: settings.MESH_HTTP_HOST,
      allowedOrigins: settings.MESH_ALLOWED_ORIGINS,
      httpPort: settings.MESH_HTTP_PORT,
      gatewayName: settings.MESH_GATEWAY_NAME,
      heartbeatIntervalMs: settings.MESH_HEARTBEAT_INTERVAL_MS,
      vapidPublicKey: settings.MESH_VAPID_PUBLIC_KEY,
      topicReplication: settings.MESH_KAFKA_REPLICATION,
      auth: authOf(settings),
    }),
  );
  const { port, gatewayId } = gateway;
  logger.info({ port, gatewayId }, 'serving HTTP and WebSocket');
  void gateway.ready().then(() => logger.info({ gatewayId }, 'ready'));
  return disposer;
}

function requireServers(settings: GatewaySettings) {
  const { MESH_KAFKA_BROKERS, MESH_PRESENCE_ADDRS, MESH_GRAPH_ADDRS } = settings;
  const given = { MESH_KAFKA_BROKERS, MESH_PRESENCE_ADDRS, MESH_GRAPH_ADDRS };
  if (!MESH_KAFKA_BROKERS || !MESH_PRESENCE_ADDRS || !MESH_GRAPH_ADDRS) {
    const missing = Object.entries(given).filter(([, value]) => !value);
    throw new ConfigError(missing.map(([name]) => `${name}: the gateway needs it, as host:port`));
  }
  return {
    brokers: MESH_KAFKA_BROKERS,
    presenceAddresses: MESH_PRESENCE_ADDRS,
    graphAddresses: MESH_GRAPH_ADDRS,
  };
}
