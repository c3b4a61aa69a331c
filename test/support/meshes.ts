/** `mesh up` over its in-process adapters, and over real servers: what clients see must be the same. */
import { createDisposer } from '../../lib/lifecycle.ts';
import { startEmbedded, type EmbeddedMesh } from './mesh.ts';
import { startServers } from './stack.ts';

type Settings = Readonly<Record<string, string>>;

/** For `describe.each`. Dgraph is shared with other tests: use ids of users that are your own. */
export const MESHES: readonly (readonly [
  name: string,
  start: (settings: Settings) => Promise<EmbeddedMesh>,
])[] = [
  ['over its in-process adapters', startEmbedded],
  ['over Redis, Kafka and Dgraph', startOnServers],
];

async function startOnServers(settings: Settings): Promise<EmbeddedMesh> {
  const disposer = createDisposer();
  const { redis, kafka, dgraph } = disposer.add(await startServers({ dgraph: 'shared' }));
  const servers = {
    MESH_REDIS_URL: redis.url,
    MESH_KAFKA_BROKERS: kafka.brokers,
    MESH_DGRAPH_URL: dgraph.url,
  };
  const mesh = disposer.add(await startEmbedded({ ...servers, ...settings }));
  return { ...mesh, [Symbol.asyncDispose]: () => disposer[Symbol.asyncDispose]() };
}
