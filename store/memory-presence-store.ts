/**
 * Adapter: the presence store in this process. It serves the embedded mesh, tests and the simulator. Its data die with
 * the process and so does everyone who could have seen a version, so it never fences itself: only `fence`, `lose` and
 * a stepped clock do.
 */
import type { Clock } from '../lib/clock.ts';
import { checkBatch, checkChange, checkShard } from './checks.ts';
import { createMemoryLeases } from './memory-leases.ts';
import { MemoryNotifications } from './memory-notifications.ts';
import { MemoryShard } from './memory-shard.ts';
import { NOTIFICATION_LIMITS, type NotificationLimits } from './notification-store.ts';
import type { PresenceStore, StoreListener } from './presence-store.ts';
import { shardOf } from './shards.ts';
import { timing } from './timing.ts';

export interface MemoryPresenceStoreOptions {
  /** Shards, for the life of the deployment. */
  readonly shardCount: number;
  /** How long a session lives after its last heartbeat, ms. */
  readonly leaseTtlMs: number;
  readonly clock: Clock;
  /** How long a fence holds, ms; 2,000 unless told. */
  readonly holdMs?: number;
  /** Of requests for notifications. */
  readonly notificationLimits?: Partial<NotificationLimits>;
}

export interface MemoryPresenceStore extends PresenceStore {
  /** Forgets all users, as a Redis that starts without its data; for tests of what others see of that. */
  lose(): void;
}

export function createMemoryPresenceStore(
  options: MemoryPresenceStoreOptions,
): MemoryPresenceStore {
  const { shardCount, leaseTtlMs, clock, holdMs = timing.holdMs } = options;
  const listeners = new Set<StoreListener>();
  const tell = (news: (listener: StoreListener) => void): void => {
    if (listeners.size > 0) queueMicrotask(() => listeners.forEach(news));
  };
  const shards = Array.from(
    { length: shardCount },
    (_, shard) =>
      new MemoryShard({
        ...{ shard, leaseTtlMs, holdMs, clock },
        onBell: () => tell((listener) => listener.onBell?.(shard)),
        onExpired: (userId) => tell((listener) => listener.onExpired?.(userId)),
        isAwaited: (userId) => notifications.isAwaited(userId),
      }),
  );
  const shardAt = (shard: number): MemoryShard => {
    checkShard(shard, shardCount);
    return shards[shard] as MemoryShard;
  };
  const shardFor = (userId: string): MemoryShard => shardAt(shardOf(userId, shardCount));
  const leases = createMemoryLeases(clock);
  const notifications = new MemoryNotifications({
    clock,
    limits: { ...NOTIFICATION_LIMITS, ...options.notificationLimits },
    statusOf: (userId) => shardFor(userId).lookup([userId]).settled[0]?.status ?? 'OFFLINE',
  });

  return {
    shardCount,
    shardOf: (userId) => shardOf(userId, shardCount),
    notifications: {
      ask: settling((ask) => notifications.ask(ask)),
      cancel: settling((cancellation) => notifications.cancel(cancellation)),
      listOf: settling((viewerUserId) => notifications.listOf(viewerUserId)),
      awaiting: settling((subjectUserId) => ({
        requests: notifications.awaiting(subjectUserId),
        next: undefined,
      })),
      claim: settling((subjectUserId, requests) => notifications.claim(subjectUserId, requests)),
      mayPush: settling((viewerUserId) => notifications.mayPush(viewerUserId)),
    },
    beat: settling((shard, beats) => {
      checkBatch('beats', beats);
      const outcomes = shardAt(shard).beat(beats);
      return { ...shardAt(shard).state(), outcomes };
    }),
    change: settling((change) => {
      checkChange(change);
      return shardFor(change.userId).change(change);
    }),
    sweep: settling((request) => shardAt(request.shard).sweep(request)),
    look: settling((shard, userIds) => {
      checkBatch('userIds', userIds);
      shardAt(shard).look(userIds);
    }),
    lookup: settling((shard, userIds) => {
      checkBatch('userIds', userIds);
      const at = shardAt(shard);
      return { ...at.state(), ...at.lookup(userIds) };
    }),
    ack: settling((shard, entryIds) => shardAt(shard).ack(entryIds)),
    fence: settling((shard, { truncate }) => shardAt(shard).fence(truncate)),
    routes: settling((userIds) => userIds.map((userId) => shardFor(userId).gatewayIds(userId))),
    inspect: settling((userId) => shardFor(userId).inspect(userId)),
    inspectShard: settling((shard) => shardAt(shard).inspectShard()),
    keepLease: settling((kind, id, ttlMs) => leases.keep(kind, id, ttlMs)),
    listLeases: settling((kind) => leases.list(kind)),
    listen: settling((listener) => {
      listeners.add(listener);
      return {
        [Symbol.asyncDispose]: settling(() => void listeners.delete(listener)),
      };
    }),
    lose: () => shards.forEach((shard) => shard.lose()),
    checkSettings: () => Promise.resolve(),
    onServer: () => ({ [Symbol.dispose]: () => undefined }),
    [Symbol.asyncDispose]: settling(() => listeners.clear()),
  };
}

/** An operation that is done at once, as the port wants it: what it throws is a rejection. */
function settling<Args extends unknown[], Result>(
  operation: (...args: Args) => Result,
): (...args: Args) => Promise<Result> {
  return (...args) =>
    new Promise((resolve) => {
      resolve(operation(...args));
    });
}
