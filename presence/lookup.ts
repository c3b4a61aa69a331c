/** Looks users up wherever their shards are, and puts the answers back into the order asked. */
import type { PresenceStore, Settled } from '../store/presence-store.ts';

export interface Found {
  /** One per user, in order. */
  readonly settled: readonly Settled[];
  /** Longest hold of a shard that was read, ms. */
  readonly holdMs: number;
}

export async function lookupUsers(
  store: PresenceStore,
  userIds: readonly string[],
): Promise<Found> {
  const byShard = groupByShard(store, userIds);
  const replies = await Promise.all([...byShard].map(([shard, ids]) => store.lookup(shard, ids)));
  const found = new Map(replies.flatMap((reply) => reply.settled).map((one) => [one.userId, one]));
  return {
    settled: userIds.map((userId) => found.get(userId) ?? unanswered(userId)),
    holdMs: Math.max(...replies.map((reply) => reply.holdMs)),
  };
}

function unanswered(userId: string): never {
  throw new Error(`the store answered nothing for ${userId}`);
}

function groupByShard(store: PresenceStore, userIds: readonly string[]): Map<number, string[]> {
  const byShard = new Map<number, string[]>();
  for (const userId of new Set(userIds)) {
    const shard = store.shardOf(userId);
    const ids = byShard.get(shard);
    if (ids) ids.push(userId);
    else byShard.set(shard, [userId]);
  }
  return byShard;
}
