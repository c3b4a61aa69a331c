/**
 * Watches every shard for a possible loss of data: an empty lookup on each, again and again, makes the store compare
 * what it remembers with what it is, and tells its floor. What changed is told to every heartbeat stream. It fails where
 * a change would: a server that only reads, since it has no memory left, say, makes this process not ready.
 */
import type { Clock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Readiness } from '../lib/readiness.ts';
import type { PresenceStore, ShardState } from '../store/presence-store.ts';

export interface ShardNews extends ShardState {
  readonly shard: number;
}

export interface ShardStates extends Disposable {
  /** Every shard's state as last seen; those not seen yet are missing. */
  all(): readonly ShardNews[];
  /** Calls with shards whose floor changed. Returns the way to stop. */
  subscribe(listener: (news: readonly ShardNews[]) => void): () => void;
}

export interface ShardStatesOptions {
  readonly store: PresenceStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `redis` is set and cleared by each round. */
  readonly readiness: Readiness;
  /** Time between rounds, ms. */
  readonly intervalMs: number;
}

export function watchShardStates(options: ShardStatesOptions): ShardStates {
  const { store, readiness, logger } = options;
  const seen = new Map<number, ShardNews>();
  const listeners = new Set<(news: readonly ShardNews[]) => void>();
  let asking = false;
  let isFailing = false;

  const round = async (): Promise<void> => {
    const shards = Array.from({ length: store.shardCount }, (_, shard) => shard);
    const answers = await Promise.allSettled(
      shards.map(async (shard) => ({ ...(await store.lookup(shard, [])), shard })),
    );
    const states = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const changed = states.filter(({ shard, floor }) => seen.get(shard)?.floor !== floor);
    for (const { shard, floor, holdMs } of states) seen.set(shard, { shard, floor, holdMs });
    if (changed.length > 0) for (const listener of listeners) listener(changed);
    // Where some shards fail, there may still be news of the others.
    const failure = answers.find((answer) => answer.status === 'rejected');
    if (failure) throw failure.reason;
    readiness.set('redis', problemOf(states));
    if (isFailing) logger.info('the store takes changes again');
    isFailing = false;
  };
  const ask = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    try {
      await round();
    } catch (error) {
      if (!isFailing) logger.error({ err: error }, 'the store takes no changes');
      isFailing = true;
      readiness.set('redis', messageOf(error));
    } finally {
      asking = false;
    }
  };

  const timer = options.clock.every(options.intervalMs, () => void ask());
  void ask();
  return {
    all: () => [...seen.values()],
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    [Symbol.dispose]: () => timer.cancel(),
  };
}

/** Serving during a hold would be no error, but at a first start nobody should have to see one. */
function problemOf(states: readonly ShardState[]): string | undefined {
  const holdMs = Math.max(...states.map((state) => state.holdMs));
  return holdMs > 0 ? `may have lost data; held for ${Math.ceil(holdMs)} ms more` : undefined;
}
