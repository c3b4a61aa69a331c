/** The stack of tests, and which processes each part of it is. */
import type { TestServer } from '../../test/support/server.ts';
import { startStack as startTestStack, type StackOptions } from '../../test/support/stack.ts';
import type { Mesh } from '../../test/support/mesh.ts';

/** What runs: process ids by part. */
export type StackParts = Readonly<
  Record<
    'gateway' | 'presence' | 'fanout' | 'graph' | 'redis' | 'kafka' | 'dgraph',
    readonly number[]
  >
>;

export interface Stack extends AsyncDisposable {
  readonly mesh: Mesh;
  readonly gatewayPorts: readonly number[];
  readonly redisUrl: string;
  /** host:port, comma-separated. */
  readonly brokers: string;
  readonly dgraphUrl: string;
  readonly parts: StackParts;
}

export async function startStack(
  options: Pick<StackOptions, 'counts' | 'settings'>,
): Promise<Stack> {
  const stack = await startTestStack(options);
  const { mesh, redis, kafka, dgraph } = stack;
  return {
    mesh,
    gatewayPorts: mesh.gateways.map(({ port }) => port),
    redisUrl: redis.url,
    brokers: kafka.brokers,
    dgraphUrl: dgraph.url,
    parts: {
      gateway: pidsOf(mesh.gateways),
      presence: pidsOf(mesh.presence),
      fanout: pidsOf(mesh.fanout),
      graph: pidsOf(mesh.graph),
      redis: redis.pids(),
      kafka: kafka.pids(),
      dgraph: dgraph.pids(),
    },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

function pidsOf(servers: readonly TestServer[]): readonly number[] {
  return servers.flatMap((server) => server.pids());
}
