/** Leases the gateway looks after, by shard. */
import type { Lease } from './lease.ts';

export class LeaseBook {
  readonly #shards = new Map<number, Set<Lease>>();

  add(lease: Lease): void {
    lease.isTracked = true;
    const leases = this.#shards.get(lease.shard);
    if (leases) leases.add(lease);
    else this.#shards.set(lease.shard, new Set([lease]));
  }

  remove(lease: Lease): void {
    lease.isTracked = false;
    this.#shards.get(lease.shard)?.delete(lease);
  }

  shards(): Iterable<number> {
    return this.#shards.keys();
  }

  /** A copy: whoever goes through it may add and remove. */
  of(shard: number): Lease[] {
    return [...(this.#shards.get(shard) ?? [])];
  }

  /** Leases with a heartbeat that the store has not been sent, last refreshed at least so long ago. */
  due(shard: number, nowMs: number, refreshMs: number): Lease[] {
    const due: Lease[] = [];
    for (const lease of this.#shards.get(shard) ?? []) {
      if (lease.beatsItself) lease.beatAtMs = nowMs;
      const isNews = lease.beatAtMs > lease.sentBeatAtMs;
      if (isNews && nowMs - lease.sentAtMs >= refreshMs) due.push(lease);
    }
    return due;
  }

  /** Leases whose last heartbeat heard by the store came before. */
  heardBefore(shard: number, beatAtMs: number): Lease[] {
    const lapsed: Lease[] = [];
    for (const lease of this.#shards.get(shard) ?? []) {
      if (lease.heardBeatAtMs < beatAtMs) lapsed.push(lease);
    }
    return lapsed;
  }
}
