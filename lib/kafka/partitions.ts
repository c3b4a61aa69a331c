/** Which partition a record goes to: as Kafka's own clients decide, so that theirs and ours agree on a key. */
import type { BusRecord } from './bus.ts';

/** Groups records by partition, in order; those without a key go to `anyPartition`. */
export function byPartition(
  records: readonly BusRecord[],
  partitions: number,
  anyPartition: number,
): Map<number, BusRecord[]> {
  const groups = new Map<number, BusRecord[]>();
  for (const record of records) {
    const partition =
      record.key === undefined
        ? anyPartition % partitions
        : partitions === 1
          ? 0
          : partitionOf(record.key, partitions);
    const group = groups.get(partition);
    if (group) group.push(record);
    else groups.set(partition, [record]);
  }
  return groups;
}

export function partitionOf(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;
}

const M = 0x5bd1e995;

/** Murmur2 with Kafka's seed. */
function murmur2(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const tail = data.length & ~3;
  let hash = 0x9747b28c ^ data.length;
  for (let at = 0; at < tail; at += 4) {
    let word = Math.imul(view.getInt32(at, true), M);
    word = Math.imul(word ^ (word >>> 24), M);
    hash = Math.imul(hash, M) ^ word;
  }
  for (let at = data.length - 1; at >= tail; at--) {
    hash ^= view.getUint8(at) << (8 * (at - tail));
    if (at === tail) hash = Math.imul(hash, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}
