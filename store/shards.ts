/** Which shard a user is in, and the hash tag that keeps a shard's keys in one slot of Redis Cluster. */
import { crc32 } from 'node:zlib';

const CLUSTER_SLOTS = 16_384;

/** Fixed for the life of a deployment: another count would look for users where they are not. */
export function shardOf(userId: string, shardCount: number): number {
  return crc32(userId) % shardCount;
}

/**
 * One tag a shard: the first `pI.n` whose slot lies in the I-th equal part of the slots, so that masters that split
 * the slots evenly also split the shards evenly (tags left to chance put twice the mean on the fullest of 16).
 */
export function shardTags(shardCount: number): readonly string[] {
  return Array.from({ length: shardCount }, (_, shard) => tagOf(shard, shardCount));
}

function tagOf(shard: number, shardCount: number): string {
  for (let n = 0; ; n++) {
    const tag = `p${shard}.${n}`;
    if (Math.floor((slotOf(tag) * shardCount) / CLUSTER_SLOTS) === shard) return tag;
  }
}

/** Redis Cluster's slot of a hash tag: CRC-16/XMODEM of it, modulo 16,384. */
export function slotOf(tag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  }
  return (crc & 0xffff) % CLUSTER_SLOTS;
}
