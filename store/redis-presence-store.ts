/**
 * Adapter: the presence store on one Redis or a Redis Cluster. All state is there; what dies with this process is
 * nothing but its connections. Each operation is one script, atomic in its shard; see lua/.
 */
import type { Clock } from '../lib/clock.ts';
import { openRedis, type RedisConnection } from '../lib/redis/connection.ts';
import { runScript, type Argument, type Script } from '../lib/redis/scripts.ts';
import { checkBatch, checkChange, checkShard, MAX_BATCH } from './checks.ts';
import { leasesKey, shardKeys, type ShardKeys } from './keys.ts';
import { NOTIFICATION_LIMITS, type NotificationLimits } from './notification-store.ts';
import type { TellDamage } from './damage.ts';
import type { PresenceStore } from './presence-store.ts';
import { beatCall, changeCall, lookCall, sweepCall } from './redis-arguments.ts';
import { listenToRedis } from './redis-hints.ts';
import { createRedisNotifications } from './redis-notifications.ts';
import * as replies from './redis-replies.ts';
import { readScripts } from './redis-scripts.ts';
import { checkRedisSettings } from './redis-settings.ts';
import { shardOf } from './shards.ts';
import { timing } from './timing.ts';
import { TooManySessionsError } from './too-many-sessions.ts';

export interface RedisPresenceStoreOptions {
  /** `redis://` or `rediss://`; several are servers of one Redis Cluster. */
  readonly urls: readonly string[];
  /** Shards, for the life of the deployment. */
  readonly shardCount: number;
  /** How long a session lives after its last heartbeat, ms; the same in every process. */
  readonly leaseTtlMs: number;
  readonly clock: Clock;
  /** How long a fence holds, ms; 2,000 unless told; the same in every process. */
  readonly holdMs?: number;
  /** A call that Redis has not answered for so long fails, ms; 2,000 unless told. */
  readonly commandTimeoutMs?: number;
  /** Of requests for notifications. */
  readonly notificationLimits?: Partial<NotificationLimits>;
  /** Told of users whose data could not be read, each time they are met. Nobody else notices. */
  readonly onDamage?: TellDamage;
}

/** Connects by itself, again and again. Calls fail with a RedisError that names the address while there is none. */
export function createRedisPresenceStore(options: RedisPresenceStoreOptions): PresenceStore {
  const { urls, shardCount, leaseTtlMs, clock } = options;
  const { holdMs = timing.holdMs, commandTimeoutMs = 2_000 } = options;
  const { onDamage = () => undefined } = options;
  const connection = openRedis({ urls, clock, commandTimeoutMs, name: 'presence-mesh' });
  const scripts = readScripts(holdMs);
  const keys = shardKeys(shardCount);
  const keysAt = (shard: number): ShardKeys => {
    checkShard(shard, shardCount);
    return keys[shard] as ShardKeys;
  };
  const keysFor = (userId: string): ShardKeys => keysAt(shardOf(userId, shardCount));
  const run = <Reply>(script: Script<Reply>, call: Call): Promise<Reply> =>
    runScript(connection.send, script, call.keys, call.args);
  const subscriptions = new Set<AsyncDisposable>();
  const readRoute = replies.createRouteReader(onDamage);

  return {
    shardCount,
    shardOf: (userId) => shardOf(userId, shardCount),
    notifications: createRedisNotifications({
      ...{ scripts, run, keysFor, send: connection.send },
      limits: { ...NOTIFICATION_LIMITS, ...options.notificationLimits },
    }),
    beat: async (shard, beats) => {
      checkBatch('beats', beats);
      const call = beatCall(keysAt(shard), leaseTtlMs, beats);
      const [floor, holdLeftMs, letters] = await run(scripts.beat, call);
      return { floor, holdMs: holdLeftMs, outcomes: replies.outcomesOf(letters, beats, onDamage) };
    },
    change: async (change) => {
      checkChange(change);
      const call = changeCall(keysFor(change.userId), leaseTtlMs, change);
      const raw = await run(scripts.change, call);
      if (raw === 'FULL') throw new TooManySessionsError(change.userId);
      return replies.changeReplyOf(change.userId, raw, onDamage);
    },
    sweep: async (request) => {
      const call = sweepCall(keysAt(request.shard), leaseTtlMs, request);
      return replies.sweepReplyOf(await run(scripts.sweep, call));
    },
    look: async (shard, userIds) => {
      checkBatch('userIds', userIds);
      if (userIds.length === 0) return;
      const problems = await run(scripts.look, lookCall(keysAt(shard), leaseTtlMs, userIds));
      replies.tellProblems(problems, onDamage);
    },
    lookup: async (shard, userIds) => {
      checkBatch('userIds', userIds);
      const { meta, state } = keysAt(shard);
      const call = { keys: [meta, ...userIds.map(state)], args: [] };
      const raw = await run(scripts.lookup, call);
      const [floor, holdLeftMs] = raw;
      const settled = replies.settledOf(userIds, raw, onDamage);
      return { floor, holdMs: holdLeftMs, settled, horizons: replies.horizonsOf(userIds, raw) };
    },
    ack: async (shard, entryIds) => {
      const { outbox } = keysAt(shard);
      for (let from = 0; from < entryIds.length; from += MAX_BATCH) {
        await run(scripts.ack, { keys: [outbox], args: entryIds.slice(from, from + MAX_BATCH) });
      }
    },
    fence: async (shard, { truncate }) => {
      const { meta, outbox } = keysAt(shard);
      const call = { keys: [meta, outbox], args: [truncate ? 1 : 0] };
      const [floor, holdLeftMs] = await run(scripts.fence, call);
      return { floor, holdMs: holdLeftMs };
    },
    routes: async (userIds) => {
      const wanted = userIds.map((userId) => keysFor(userId).presence(userId));
      const found = await getAll(connection, wanted);
      return found.map((value, index) => readRoute(value, userIds[index] ?? ''));
    },
    inspect: async (userId) => {
      const { shard, meta, outbox, state } = keysFor(userId);
      const raw = await run(scripts.inspect, {
        keys: [meta, outbox, state(userId)],
        args: [userId],
      });
      return replies.inspectionOf(userId, shard, raw);
    },
    inspectShard: async (shard) => {
      const { meta, deadlines, outbox } = keysAt(shard);
      const call = { keys: [meta, deadlines, outbox], args: [] };
      return replies.shardInspectionOf(await run(scripts.inspectShard, call));
    },
    keepLease: (kind, id, ttlMs) =>
      run(scripts.keepLease, { keys: [leasesKey(kind)], args: [id, ttlMs] }),
    listLeases: async (kind) =>
      replies.leasesOf(await run(scripts.listLeases, { keys: [leasesKey(kind)], args: [] })),
    listen: async (listener) => {
      const listening = await listenToRedis(connection, keys, listener, clock);
      subscriptions.add(listening);
      return {
        [Symbol.asyncDispose]: async () => {
          subscriptions.delete(listening);
          await listening[Symbol.asyncDispose]();
        },
      };
    },
    checkSettings: () => checkRedisSettings(connection, shardCount),
    onServer: connection.onServer,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...subscriptions].map((listening) => listening[Symbol.asyncDispose]()));
      await connection[Symbol.asyncDispose]();
    },
  };
}

interface Call {
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
}

/** On a cluster, one MGET for the keys of each slot: those of one shard share their hash tag. */
async function getAll(
  { send, isCluster }: RedisConnection,
  keys: readonly string[],
): Promise<(string | null)[]> {
  const values = new Array<string | null>(keys.length).fill(null);
  await Promise.all(
    [...groups(keys, isCluster)].map(async (places) => {
      const wanted = places.map((place) => keys[place] ?? '');
      const found = (await send('mget', wanted)) as (string | null)[];
      places.forEach((place, index) => (values[place] = found[index] ?? null));
    }),
  );
  return values;
}

/** Places of keys that go into one call. */
function groups(keys: readonly string[], isCluster: boolean): Iterable<number[]> {
  const places = new Map<string, number[]>();
  keys.forEach((key, place) => {
    const tag = isCluster ? key.slice(0, key.indexOf('}')) : '';
    const group = places.get(tag);
    if (group) group.push(place);
    else places.set(tag, [place]);
  });
  return places.values();
}
