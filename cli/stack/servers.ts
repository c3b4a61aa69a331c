/** The three servers of `npm run stack`, on their usual ports of this machine. */
import { join } from 'node:path';
import { stackDir } from './cache.ts';
import { dgraphServer, installDgraph } from './dgraph.ts';
import { installKafka, kafkaServer } from './kafka.ts';
import { installRedis, redisServer } from './redis.ts';
import type { ServerSpec } from './server.ts';
import type { RunContext } from './tools.ts';

/** Dgraph's usual HTTP port is the gateway's. */
const DGRAPH_PORT_OFFSET = 100;

export interface StackServer {
  /** Fetches what is missing. Resolves with the server. */
  install(context: RunContext): Promise<ServerSpec>;
  /** As it would be, whether or not it is installed: for its ports, probes and settings. */
  readonly spec: ServerSpec;
}

export function stackServers(): readonly StackServer[] {
  const dir = stackDir();
  const redis = redisServer({ dir: join(dir, 'redis'), port: 6379 });
  const kafka = (jars: string): ServerSpec =>
    kafkaServer({ dir: join(dir, 'kafka'), jars, port: 9092, controllerPort: 9093 });
  const dgraph = (binary: string): ServerSpec =>
    dgraphServer({ dir: join(dir, 'dgraph'), binary, portOffset: DGRAPH_PORT_OFFSET });
  return [
    {
      spec: redis,
      install: async (context) => {
        await installRedis(context);
        return redis;
      },
    },
    { spec: kafka(''), install: async (context) => kafka(await installKafka(context)) },
    { spec: dgraph(''), install: async (context) => dgraph(await installDgraph(context)) },
  ];
}
