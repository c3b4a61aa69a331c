import type { Writable } from 'node:stream';
import { Cluster, type Redis } from 'ioredis';

/**
 * Holds what is written to a server until the turn of the event loop is over: the commands of one turn leave in one
 * system call. (64 scripts every 10 ms: 8.6 % of a Node core, so 6.4 %.)
 * @returns to be called before each command.
 */
export function createCork(client: Redis | Cluster): () => void {
  let isCorked = false;
  return () => {
    if (isCorked) return;
    const streams = streamsOf(client);
    for (const stream of streams) stream.cork();
    isCorked = true;
    process.nextTick(() => {
      for (const stream of streams) stream.uncork();
      isCorked = false;
    });
  };
}

/** A client that is not connected yet has no stream. */
function streamsOf(client: Redis | Cluster): Writable[] {
  const servers = client instanceof Cluster ? client.nodes('master') : [client];
  return servers.flatMap(({ stream }: { readonly stream?: Writable }) => stream ?? []);
}
