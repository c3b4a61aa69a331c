/** `mesh up` over its in-process adapters, and over real servers: what clients see must be the same. */
import { createDisposer } from '../../lib/lifecycle.ts';
import { startKafka } from './kafka.ts';
import { startEmbedded, type EmbeddedMesh } from './mesh.ts';
import { startRedis } from './redis.ts';
import { sharedDgraph } from './shared-servers.ts';

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
  const redis = disposer.add(await startRedis());
  const kafka = disposer.add(await startKafka());
  const servers = {
    MESH_REDIS_URL: redis.url,
    MESH_KAFKA_BROKERS: kafka.brokers,
    MESH_DGRAPH_URL: (await sharedDgraph()).url,
  };
  const mesh = disposer.add(await startEmbedded({ ...servers, ...settings }));
  return { ...mesh, [Symbol.asyncDispose]: () => disposer[Symbol.asyncDispose]() };
}
