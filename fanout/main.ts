/** Fanout as a process of its own. */
import { hostname } from 'node:os';
import { GraphServiceClient } from '../gen/graph/v1/graph_service.ts';
import { systemClock as clock } from '../lib/clock.ts';
import type { Environment } from '../lib/config.ts';
import { createClientPool } from '../lib/grpc/client.ts';
import { createKafkaBus } from '../lib/kafka/kafka-bus.ts';
import { createDisposer, runProcess } from '../lib/lifecycle.ts';
import { createLogger } from '../lib/logger.ts';
import { vapidKeysOf } from '../lib/web-push/vapid.ts';
import { createDamageReport } from '../store/damage.ts';
import { createRedisPresenceStore } from '../store/redis-presence-store.ts';
import { createFanout } from './app.ts';
import { readFanoutSettings, type FanoutSettings } from './config.ts';

export const CLOSE_WITHIN_MS = 10_000;

export function main(env: Environment, known: readonly string[]): Promise<void> {
  const logger = createLogger('fanout');
  const start = () => serve(readFanoutSettings(env, known), logger);
  return runProcess(start, { clock, logger, closeWithinMs: CLOSE_WITHIN_MS });
}

async function serve(
  settings: FanoutSettings,
  logger: ReturnType<typeof createLogger>,
): Promise<AsyncDisposable> {
  const vapid = vapidKeysOf(settings);
  const disposer = createDisposer();
  const workerId = `${hostname()}-${clock.uuid().slice(0, 8)}`;
  const store = disposer.add(
    createRedisPresenceStore({
      urls: settings.redisUrls,
      shardCount: settings.MESH_SHARDS,
      leaseTtlMs: settings.MESH_LEASE_TTL_MS,
      clock,
      onDamage: createDamageReport(logger, clock),
    }),
  );
  const bus = disposer.add(
    createKafkaBus({ brokers: settings.brokers, clientId: `fanout-${workerId}`, clock }),
  );
  const graph = createClientPool({
    service: GraphServiceClient,
    name: 'graph',
    addresses: settings.graphAddresses,
    clock,
    logger,
  });
  disposer.defer(() => graph[Symbol.dispose]());
  const { port } = disposer.add(
    await createFanout({
      ...{ clock, logger, store, bus, graph, workerId },
      httpPort: settings.MESH_HTTP_PORT,
      httpHost: settings.MESH_HTTP_HOST,
      partitions: settings.MESH_KAFKA_PARTITIONS,
      replication: settings.MESH_KAFKA_REPLICATION,
      vapid,
    }),
  );
  logger.info({ port, workerId }, 'fanout works; health is served');
  return disposer;
}
