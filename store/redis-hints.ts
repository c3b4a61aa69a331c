/**
 * News that Redis volunteers: keys that expired, from every master (each announces only its own), and the bells of
 * shards, from the masters of their slots. A connection a master, which subscribes anew whenever it comes back.
 */
import type { Clock } from '../lib/clock.ts';
import { redisErrorOf } from '../lib/redis/errors.ts';
import { close, type RedisConnection, type RedisNode } from '../lib/redis/connection.ts';
import { userOfPresenceKey, type ShardKeys } from './keys.ts';
import type { StoreListener } from './presence-store.ts';

const EXPIRED = '__keyevent@*__:expired';

interface Subscription extends AsyncDisposable {
  /** Subscribes to what the master is to be heard for now; resolves when it stands. */
  renew(): Promise<void>;
}

export async function listenToRedis(
  connection: RedisConnection,
  keys: readonly ShardKeys[],
  listener: StoreListener,
  clock: Clock,
): Promise<AsyncDisposable> {
  await connection.send('ping', []);
  const subscriptions = new Map<string, Subscription>();
  const subscribe = (node: RedisNode): Subscription => {
    const bells = (): string[] => bellsOf(connection, keys, node.address);
    const subscription = createSubscription(node, bells, receiver(keys, listener), clock);
    subscriptions.set(node.address, subscription);
    return subscription;
  };
  let stopped = false;
  const follow = async (): Promise<void> => {
    const masters = stopped ? [] : connection.nodes('master');
    const isGone = (address: string) => !masters.some((node) => node.address === address);
    void dropAll(subscriptions, isGone);
    const known = (node: RedisNode) => subscriptions.get(node.address) ?? subscribe(node);
    await Promise.all(masters.map((node) => known(node).renew()));
  };
  // What fails here is tried again at the next look at the topology, and nothing depends on hints.
  const topology = connection.onTopology(() => void follow().catch(() => undefined));
  const stop = async (): Promise<void> => {
    topology[Symbol.dispose]();
    stopped = true;
    await dropAll(subscriptions, () => true);
  };
  try {
    await follow();
  } catch (error) {
    await stop();
    throw error;
  }
  return { [Symbol.asyncDispose]: stop };
}

async function dropAll(
  subscriptions: Map<string, Subscription>,
  isGone: (address: string) => boolean,
): Promise<void> {
  const gone = [...subscriptions].filter(([address]) => isGone(address));
  for (const [address] of gone) subscriptions.delete(address);
  await Promise.all(gone.map(([, subscription]) => subscription[Symbol.asyncDispose]()));
}

function bellsOf(
  { isCluster, masterOf }: RedisConnection,
  keys: readonly ShardKeys[],
  address: string,
): string[] {
  return keys
    .filter(({ slot }) => !isCluster || masterOf(slot) === address)
    .map(({ bell }) => bell);
}

interface Receiver {
  onBell(channel: string): void;
  onExpired(key: string): void;
}

function receiver(keys: readonly ShardKeys[], listener: StoreListener): Receiver {
  const shardOfBell = new Map(keys.map(({ bell, shard }) => [bell, shard]));
  return {
    onBell: (channel) => {
      const shard = shardOfBell.get(channel);
      if (shard !== undefined) listener.onBell?.(shard);
    },
    onExpired: (key) => {
      const userId = userOfPresenceKey(key);
      if (userId !== undefined) listener.onExpired?.(userId);
    },
  };
}

function createSubscription(
  node: RedisNode,
  bells: () => string[],
  { onBell, onExpired }: Receiver,
  clock: Clock,
): Subscription {
  const redis = node.dedicated();
  let heard: readonly string[] = [];
  let lastFailure: Error | undefined;
  const hear = async (): Promise<void> => {
    const wanted = bells();
    const missing = wanted.filter((bell) => !heard.includes(bell));
    await Promise.all([
      redis.psubscribe(EXPIRED),
      ...missing.map((bell) => redis.ssubscribe(bell)),
    ]);
    heard = wanted;
  };
  redis.on('pmessage', (_pattern: string, _channel: string, key: string) => onExpired(key));
  redis.on('smessage', onBell);
  redis.on('error', (error: Error) => (lastFailure = error));
  redis.on('close', () => (heard = []));
  redis.on('ready', () => void hear().catch(() => undefined));
  return {
    renew: async () => {
      try {
        if (redis.status === 'wait') await redis.connect();
        if (redis.status === 'ready') await hear();
      } catch (error) {
        throw redisErrorOf(error, node.address, lastFailure);
      }
    },
    [Symbol.asyncDispose]: () => close(redis, clock),
  };
}
