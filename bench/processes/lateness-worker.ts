/** A fanout worker on real Redis that notes when it first holds a user's transition to OFFLINE. Kafka is not needed. */
import { createFanout } from '../../fanout/app.ts';
import { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import { createGraph } from '../../graph/app.ts';
import { createMemoryGraphStore } from '../../graph/memory-graph-store.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { createClientPool } from '../../lib/grpc/client.ts';
import { createGrpcServer } from '../../lib/grpc/server.ts';
import { createMemoryBus } from '../../lib/kafka/memory-bus.ts';
import { createLogger } from '../../lib/logger.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { createRedisPresenceStore } from '../../store/redis-presence-store.ts';
import { serveRemote } from '../support/remote.ts';

export interface LatenessWorkerOptions {
  readonly redisUrl: string;
  readonly shardCount: number;
  readonly leaseTtlMs: number;
}

export interface LatenessWorker {
  /** Resolves when it owns all shards and is ready. */
  readonly serve: (options: LatenessWorkerOptions) => Promise<void>;
  /** When each user was first seen OFFLINE, ms since the epoch. */
  readonly seen: () => ReadonlyMap<string, number>;
}

const seen = new Map<string, number>();
const logger = createLogger('lateness', 'silent');
const MAX_FOLLOWERS = 5000;

serveRemote({ serve, seen: () => seen } satisfies LatenessWorker);

async function serve({ redisUrl, ...options }: LatenessWorkerOptions): Promise<void> {
  const store = createRedisPresenceStore({ urls: [redisUrl], clock, ...options });
  const bus = createMemoryBus({ clock });
  const graph = createClientPool({
    ...{ service: GraphServiceClient, name: 'graph', clock },
    addresses: [`127.0.0.1:${await serveGraph()}`],
  });
  const { readiness } = await createFanout({
    ...{ clock, logger, bus, graph, workerId: 'lateness', httpPort: undefined },
    store: watching(store),
  });
  await new Promise<void>((resolve) => readiness.watch((ready) => ready && resolve()));
}

/** Nobody has friends. */
async function serveGraph(): Promise<number> {
  const store = createMemoryGraphStore({ clock, maxFollowers: MAX_FOLLOWERS });
  const presence = {
    announce: () => Promise.resolve({ version: 0, lastActiveMs: 0 }),
    offline: () => Promise.resolve(new Map<string, number>()),
  };
  const { services } = createGraph({ clock, logger, store, presence });
  const server = await createGrpcServer({
    ...{ services, host: '127.0.0.1', port: 0, drainMs: 0, clock },
  });
  return server.port;
}

function watching(store: PresenceStore): PresenceStore {
  return {
    ...store,
    sweep: async (request) => {
      const reply = await store.sweep(request);
      for (const { settled } of reply.owned ? reply.outbox : []) {
        const { userId, status } = settled;
        if (status === 'OFFLINE' && !seen.has(userId)) seen.set(userId, clock.now());
      }
      return reply;
    },
  };
}
