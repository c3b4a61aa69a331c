/** The mesh as people run it: every part a process of its own, over real Redis, Kafka and Dgraph. */
import { createDisposer } from '../../lib/lifecycle.ts';
import { startDgraph } from '../../test/support/dgraph.ts';
import { startKafka } from '../../test/support/kafka.ts';
import { startMesh, type Mesh, type MeshOptions } from '../../test/support/mesh.ts';
import { startRedis } from '../../test/support/redis.ts';
import type { TestServer } from '../../test/support/server.ts';

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
  options: Pick<MeshOptions, 'counts' | 'settings'>,
): Promise<Stack> {
  const disposer = createDisposer();
  try {
    const redis = disposer.add(await startRedis());
    const kafka = disposer.add(await startKafka());
    const dgraph = disposer.add(await startDgraph());
    const urls = { redisUrl: redis.url, brokers: kafka.brokers, dgraphUrl: dgraph.url };
    const mesh = disposer.add(await startMesh({ ...urls, ...options }));
    return {
      mesh,
      gatewayPorts: mesh.gateways.map(({ port }) => port),
      ...urls,
      parts: {
        gateway: pidsOf(mesh.gateways),
        presence: pidsOf(mesh.presence),
        fanout: pidsOf(mesh.fanout),
        graph: pidsOf(mesh.graph),
        redis: redis.pids(),
        kafka: kafka.pids(),
        dgraph: dgraph.pids(),
      },
      [Symbol.asyncDispose]: () => disposer[Symbol.asyncDispose](),
    };
  } catch (error) {
    await disposer[Symbol.asyncDispose]();
    throw error;
  }
}

function pidsOf(servers: readonly TestServer[]): readonly number[] {
  return servers.flatMap((server) => server.pids());
}
