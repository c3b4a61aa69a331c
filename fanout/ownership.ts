/** Which worker owns which shard: rendezvous hashing, pure. Workers that agree on who lives agree on the shards. */

/** A worker that joins or leaves moves only the shards it gets or had. */
export function ownedShards(
  shardCount: number,
  worker: string,
  workers: readonly string[],
): ReadonlySet<number> {
  const rivals = workers.filter((rival) => rival !== worker);
  const owned = new Set<number>();
  for (let shard = 0; shard < shardCount; shard++) {
    if (rivals.every((rival) => beats(worker, rival, shard))) owned.add(shard);
  }
  return owned;
}

function beats(worker: string, rival: string, shard: number): boolean {
  const difference = weight(worker, shard) - weight(rival, shard);
  return difference === 0 ? worker > rival : difference > 0;
}

/** FNV-1a of the name, mixed with the shard by MurmurHash3's finalizer. */
function weight(worker: string, shard: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < worker.length; i++) {
    hash = Math.imul(hash ^ worker.charCodeAt(i), 0x01000193);
  }
  hash ^= Math.imul(shard + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
