/** Presence as a process of its own. */
import { systemClock as clock } from '../lib/clock.ts';
import type { Environment } from '../lib/config.ts';
import { createGrpcServer } from '../lib/grpc/server.ts';
import { createKafkaBus } from '../lib/kafka/kafka-bus.ts';
import { createDisposer, runProcess } from '../lib/lifecycle.ts';
import { createLogger } from '../lib/logger.ts';
import { createDamageReport } from '../store/damage.ts';
import { createRedisPresenceStore } from '../store/redis-presence-store.ts';
import { createPresence } from './app.ts';
import { readPresenceSettings, type PresenceSettings } from './config.ts';

export const CLOSE_WITHIN_MS = 10_000;
const DRAIN_MS = 3000;

export function main(env: Environment, known: readonly string[]): Promise<void> {
  const logger = createLogger('presence');
  const start = () => serve(readPresenceSettings(env, known), logger);
  return runProcess(start, { clock, logger, closeWithinMs: CLOSE_WITHIN_MS });
}

async function serve(
  settings: PresenceSettings,
  logger: ReturnType<typeof createLogger>,
): Promise<AsyncDisposable> {
  const disposer = createDisposer();
  const store = disposer.add(
    createRedisPresenceStore({
      urls: settings.redisUrls,
      shardCount: settings.MESH_SHARDS,
      leaseTtlMs: settings.MESH_LEASE_TTL_MS,
      clock,
      onDamage: createDamageReport(logger, clock),
    }),
  );
  const { MESH_KAFKA_BROKERS: brokers } = settings;
  const part = disposer.add(
    createPresence({
      clock,
      logger,
      store,
      ...(brokers && {
        bus: disposer.add(createKafkaBus({ brokers, clientId: 'presence', clock })),
      }),
      leaseTtlMs: settings.MESH_LEASE_TTL_MS,
      closeGraceMs: settings.MESH_CLOSE_GRACE_MS,
    }),
  );
  const { port } = disposer.add(
    await createGrpcServer({
      services: part.services,
      host: settings.MESH_GRPC_HOST,
      port: settings.MESH_GRPC_PORT,
      drainMs: DRAIN_MS,
      clock,
    }),
  );
  logger.info({ port }, 'serving gRPC');
  return disposer;
}
