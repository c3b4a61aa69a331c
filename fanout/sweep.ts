/** Every shard of this worker: asked every 10 ms whether it is time to sweep it, and at once when its bell rings. */
import type { Clock } from '../lib/clock.ts';
import type { PresenceStore, StoreListener } from '../store/presence-store.ts';
import type { ShardLoop } from './shard-loop.ts';

export interface Sweeper extends AsyncDisposable {
  /** From now on, these shards are ours; the others are given back. */
  own(shards: ReadonlySet<number>): void;
  readonly listener: StoreListener;
  /** How many shards are ours. */
  shards(): number;
  /** Entries in their outboxes, as last swept. */
  outboxDepth(): number;
}

export interface SweeperOptions {
  readonly store: Pick<PresenceStore, 'shardOf'>;
  readonly clock: Clock;
  readonly createLoop: (shard: number) => ShardLoop;
}

const TICK_MS = 10;

export function createSweeper({ store, clock, createLoop }: SweeperOptions): Sweeper {
  const loops = new Map<number, ShardLoop>();
  const releasing = new Set<Promise<void>>();

  const release = (shard: number, loop: ShardLoop): void => {
    loops.delete(shard);
    const released = loop.release().finally(() => releasing.delete(released));
    releasing.add(released);
  };
  // All in one turn, so that the store's adapter can send them together.
  const ticker = clock.every(TICK_MS, () => loops.forEach((loop) => loop.tick()));
  return {
    own(shards) {
      for (const [shard, loop] of loops) if (!shards.has(shard)) release(shard, loop);
      for (const shard of shards) if (!loops.has(shard)) loops.set(shard, createLoop(shard));
    },
    listener: {
      onBell: (shard) => loops.get(shard)?.ring(),
      onExpired: (userId) => loops.get(store.shardOf(userId))?.hint(userId),
    },
    shards: () => loops.size,
    outboxDepth: () => [...loops.values()].reduce((sum, loop) => sum + loop.outboxLength, 0),
    async [Symbol.asyncDispose]() {
      ticker.cancel();
      for (const [shard, loop] of loops) release(shard, loop);
      await Promise.all(releasing);
    },
  };
}
