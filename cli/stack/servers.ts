/** The servers of `npm run stack`, on their usual ports of this machine. */
import { join } from 'node:path';
import { ConfigError } from '../../lib/config.ts';
import { stackDir } from './cache.ts';
import { dgraphServer, installDgraph } from './dgraph.ts';
import { installKafka, kafkaServer } from './kafka.ts';
import { installRedis, redisServer } from './redis.ts';
import type { ServerSpec } from './server.ts';
import type { RunContext } from './tools.ts';
import { installZipkin, zipkinServer } from './zipkin.ts';

/** Dgraph's usual HTTP port is the gateway's. */
const DGRAPH_PORT_OFFSET = 100;

export interface StackServer {
  /** Fetches what is missing. Resolves with the server. */
  install(context: RunContext): Promise<ServerSpec>;
  /** As it would be, whether or not it is installed: for its ports, probes and settings. */
  readonly spec: ServerSpec;
}

/** What the mesh needs. */
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

/** Shows traces. Started only when asked for: nothing depends on it. */
export function tracesServer(): StackServer {
  const traces = (jar: string): ServerSpec =>
    zipkinServer({ dir: join(stackDir(), 'traces'), jar, port: 9411 });
  return { spec: traces(''), install: async (context) => traces(await installZipkin(context)) };
}

/** Those named; without names, what the mesh needs. */
export function serversNamed(names: readonly string[]): readonly StackServer[] {
  if (names.length === 0) return stackServers();
  requireKnown(names);
  return [...new Set(names)].map(serverNamed);
}

export function serverNamed(name: string): StackServer {
  requireKnown([name]);
  return allServers().find(({ spec }) => spec.name === name) as StackServer;
}

const allServers = (): readonly StackServer[] => [...stackServers(), tracesServer()];

/** @throws ConfigError with every name that is unknown, and those that are not */
function requireKnown(names: readonly string[]): void {
  const known = allServers().map(({ spec }) => spec.name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new ConfigError(
    unknown.map(
      (name) => `${JSON.stringify(name)} is no server of the stack; there are ${known.join(', ')}`,
    ),
  );
}
