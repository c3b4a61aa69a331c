/**
 * Looks users up wherever their shards are, and puts the answers back into the order asked. Look-ups that come while
 * one of the same shard is under way share the next one: everyone who opens the app looks up users of most shards, and
 * when many do at once, as after the end of a gateway, a script for each of them would be most of the cost.
 */
import { createBatcher } from '../lib/batcher.ts';
import type { Horizon, LookupReply, PresenceStore, Settled } from '../store/presence-store.ts';
import { MAX_BATCH } from './limits.ts';

export interface Found {
  /** One per user, in order. */
  readonly settled: readonly Settled[];
  /** Of each, in order. */
  readonly horizons: readonly Horizon[];
  /** Longest hold of a shard that was read, ms. */
  readonly holdMs: number;
}

/** Looks up at least one user. */
export type LookUp = (userIds: readonly string[]) => Promise<Found>;

type LookupStore = Pick<PresenceStore, 'lookup' | 'shardOf' | 'shardCount'>;

export function createLookUp(store: LookupStore): LookUp {
  const shards = Array.from({ length: store.shardCount }, (_, shard) => inShard(store, shard));
  const inOne = (shard: number, userIds: readonly string[]): Promise<LookupReply> =>
    (shards[shard] as InShard)(userIds);
  return async (userIds) => {
    const byShard = groupByShard(store, userIds);
    const replies = await Promise.all([...byShard].map(([shard, ids]) => inOne(shard, ids)));
    const found = new Map(replies.flatMap(byUser));
    const inOrder = userIds.map((userId) => found.get(userId) ?? unanswered(userId));
    return {
      settled: inOrder.map(([settled]) => settled),
      horizons: inOrder.map(([, horizon]) => horizon),
      holdMs: Math.max(...replies.map(({ holdMs }) => holdMs)),
    };
  };
}

const byUser = ({ settled, horizons }: LookupReply): [string, [Settled, Horizon]][] =>
  settled.map((one, i) => [one.userId, [one, horizons[i] as Horizon]]);

type InShard = (userIds: readonly string[]) => Promise<LookupReply>;

/** Users of that shard, each once a look-up. */
function inShard(store: LookupStore, shard: number): InShard {
  return createBatcher<readonly string[], LookupReply>({
    call: async (lists) => {
      const { settled, horizons, ...state } = await store.lookup(shard, lists.flat());
      let to = 0;
      return lists.map(({ length }) => {
        const from = to;
        to += length;
        return { ...state, settled: settled.slice(from, to), horizons: horizons.slice(from, to) };
      });
    },
    weigh: ({ length }) => length,
    maxWeight: MAX_BATCH,
  });
}

function unanswered(userId: string): never {
  throw new Error(`the store answered nothing for ${userId}`);
}

function groupByShard(store: LookupStore, userIds: readonly string[]): Map<number, string[]> {
  const byShard = new Map<number, string[]>();
  for (const userId of new Set(userIds)) {
    const shard = store.shardOf(userId);
    const ids = byShard.get(shard);
    if (ids) ids.push(userId);
    else byShard.set(shard, [userId]);
  }
  return byShard;
}
