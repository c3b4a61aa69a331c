/**
 * This worker's share of the shards. It keeps a lease, and all workers with a lease share the shards alike; who dies
 * is out of the count when its lease ends. Sharing saves cost and nothing else: who owns a shard the store decides.
 */
import type { Clock } from '../lib/clock.ts';
import type { PresenceStore } from '../store/presence-store.ts';
import { ownedShards } from './ownership.ts';
import { periodically } from './periodic.ts';
import type { Upstream } from './upstream.ts';

export interface ShardsOptions {
  readonly store: Pick<PresenceStore, 'keepLease' | 'listLeases' | 'shardCount'>;
  readonly workerId: string;
  readonly clock: Clock;
  readonly redis: Upstream;
  /** Called when the share changes. */
  readonly onShare: (shards: ReadonlySet<number>, workers: number) => void;
}

export interface Shards extends AsyncDisposable {
  owns(shard: number): boolean;
}

/** With LIST_MS, the time in which a dead worker's shards find another: under 1.5 s. */
const LEASE_MS = 1200;
const RENEW_MS = 300;
const LIST_MS = 100;
const UPSTREAM = 'worker lease';

export function createShards(options: ShardsOptions): Shards {
  const { store, workerId, clock, redis } = options;
  let share: ReadonlySet<number> = new Set();
  let renewedAtMs = -Infinity;

  const renew = async (): Promise<void> => {
    if (clock.monotonic() - renewedAtMs < RENEW_MS) return;
    const askedAtMs = clock.monotonic();
    await store.keepLease('workers', workerId, LEASE_MS);
    renewedAtMs = askedAtMs;
  };
  const update = async (): Promise<void> => {
    await renew();
    const workers = await store.listLeases('workers');
    const ids = workers.map(({ id }) => id);
    const shards = ownedShards(store.shardCount, workerId, ids);
    if (isSame(shards, share)) return;
    share = shards;
    options.onShare(shards, new Set([...ids, workerId]).size);
  };
  const cycles = periodically(clock, LIST_MS, async () => {
    try {
      await update();
      redis.worked(UPSTREAM);
    } catch (error) {
      redis.failed(error, UPSTREAM);
    }
  });
  return {
    owns: (shard) => share.has(shard),
    async [Symbol.asyncDispose]() {
      await cycles[Symbol.asyncDispose]();
      await store.keepLease('workers', workerId, 0).catch(() => undefined); // it ends by itself
    },
  };
}

function isSame(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  return a.size === b.size && [...a].every((shard) => b.has(shard));
}
