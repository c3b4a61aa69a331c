/** The mesh as people run it: every part a process of its own, over real Redis, Kafka and Dgraph. */
import { createDisposer } from '../../lib/lifecycle.ts';
import { startDgraph } from './dgraph.ts';
import { startKafka, type TestKafka } from './kafka.ts';
import { startMesh, type Mesh, type MeshOptions } from './mesh.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { sharedDgraph } from './shared-servers.ts';

export interface ServersOptions {
  /** Default `private`. In one that is `shared` live users of other tests, too: use ids of your own. */
  readonly dgraph?: 'private' | 'shared';
}

export interface Servers extends AsyncDisposable {
  readonly redis: TestRedis;
  readonly kafka: TestKafka;
  readonly dgraph: {
    readonly url: string;
    /** None where it is shared. */
    pids(): readonly number[];
  };
}

export async function startServers({ dgraph }: ServersOptions = {}): Promise<Servers> {
  const disposer = createDisposer();
  try {
    return {
      redis: disposer.add(await startRedis()),
      kafka: disposer.add(await startKafka()),
      dgraph:
        dgraph === 'shared'
          ? { url: (await sharedDgraph()).url, pids: () => [] }
          : disposer.add(await startDgraph()),
      [Symbol.asyncDispose]: () => disposer[Symbol.asyncDispose](),
    };
  } catch (error) {
    await disposer[Symbol.asyncDispose]();
    throw error;
  }
}

export type StackOptions = ServersOptions & Pick<MeshOptions, 'counts' | 'settings'>;

export interface Stack extends Servers {
  readonly mesh: Mesh;
}

export async function startStack({ dgraph, ...options }: StackOptions = {}): Promise<Stack> {
  const servers = await startServers(dgraph && { dgraph });
  try {
    const mesh = await startMesh({
      redisUrl: servers.redis.url,
      brokers: servers.kafka.brokers,
      dgraphUrl: servers.dgraph.url,
      ...options,
    });
    return {
      ...servers,
      mesh,
      [Symbol.asyncDispose]: async () => {
        await mesh[Symbol.asyncDispose]();
        await servers[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await servers[Symbol.asyncDispose]();
    throw error;
  }
}
