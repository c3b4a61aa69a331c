/** Graph as a process of its own. */
import { PresenceServiceClient } from '../gen/presence/v1/presence_service.ts';
import { systemClock as clock } from '../lib/clock.ts';
import type { Environment } from '../lib/config.ts';
import { createClientPool } from '../lib/grpc/client.ts';
import { createGrpcServer } from '../lib/grpc/server.ts';
import { createDisposer, runProcess } from '../lib/lifecycle.ts';
import { createLogger } from '../lib/logger.ts';
import { createGraph } from './app.ts';
import { dgraphAddress, readGraphSettings, type GraphSettings } from './config.ts';
import { createDgraphGraphStore } from './dgraph-graph-store.ts';
import { presenceThrough } from './grpc-presence.ts';

export const CLOSE_WITHIN_MS = 10_000;
const DRAIN_MS = 3000;

export function main(env: Environment, known: readonly string[]): Promise<void> {
  const logger = createLogger('graph');
  const start = () => serve(readGraphSettings(env, known), logger);
  return runProcess(start, { clock, logger, closeWithinMs: CLOSE_WITHIN_MS });
}

async function serve(
  settings: GraphSettings,
  logger: ReturnType<typeof createLogger>,
): Promise<AsyncDisposable> {
  const disposer = createDisposer();
  const store = disposer.add(
    createDgraphGraphStore({
      address: dgraphAddress(settings.dgraphUrl),
      clock,
      maxFollowers: settings.MESH_PUSH_MAX_FOLLOWERS,
    }),
  );
  const presence = createClientPool({
    service: PresenceServiceClient,
    name: 'presence',
    addresses: settings.presenceAddrs,
    clock,
    logger,
  });
  disposer.defer(() => presence[Symbol.dispose]());
  const part = disposer.add(
    createGraph({ clock, logger, store, presence: presenceThrough(presence) }),
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
