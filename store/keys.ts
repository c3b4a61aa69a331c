/** Every key and channel of the mesh in Redis. */
import type { LeaseKind } from './presence-store.ts';
import { shardTags, slotOf } from './shards.ts';

export interface ShardKeys {
  readonly shard: number;
  /** Of all keys of the shard. */
  readonly slot: number;
  /** Hash: master_replid, floor, hold, owner, owner_until. */
  readonly meta: string;
  /** Sorted set: user → when to look at them next, ms. */
  readonly deadlines: string;
  /** Stream: transitions that wait to be acknowledged. */
  readonly outbox: string;
  /** Sharded channel: something was appended to the outbox. */
  readonly bell: string;
  /** Hash: all of a user; see lua/user.lua. */
  state(userId: string): string;
  /** String: what of a user is alive as long as the user is. */
  presence(userId: string): string;
  /** Hash: viewer and endpoint → who asked to be told when the user comes online. */
  awaiting(userId: string): string;
  /** Sorted set: subject and endpoint → when the user asked to be told of them, ms. */
  asked(userId: string): string;
  /** String: notifications to the user of late. */
  pushes(userId: string): string;
}

export function shardKeys(shardCount: number): readonly ShardKeys[] {
  return shardTags(shardCount).map((tag, shard) => {
    const user = `{${tag}}:user:`;
    return {
      shard,
      slot: slotOf(tag),
      meta: `{${tag}}:meta`,
      deadlines: `{${tag}}:deadlines`,
      outbox: `{${tag}}:outbox`,
      bell: `{${tag}}:bell`,
      state: (userId) => `${user}${userId}:state`,
      presence: (userId) => `${user}${userId}:presence`,
      awaiting: (userId) => `${user}${userId}:awaiting`,
      asked: (userId) => `${user}${userId}:asked`,
      pushes: (userId) => `${user}${userId}:pushes`,
    };
  });
}

/** Whose presence key it is, if it is one. */
export function userOfPresenceKey(key: string): string | undefined {
  return /^\{p[\d.]+\}:user:(.+):presence$/.exec(key)?.[1];
}

/** Sorted set: id → until when, ms. */
export const leasesKey = (kind: LeaseKind): string => `{mesh}:${kind}`;

/** String: how many shards these data were written with. */
export const SHARDS_KEY = '{mesh}:shards';
