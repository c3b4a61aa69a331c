/** Leases outside the shards, in process. */
import type { Clock } from '../lib/clock.ts';
import type { Lease, LeaseKind } from './presence-store.ts';

export interface MemoryLeases {
  keep(kind: LeaseKind, id: string, ttlMs: number): number;
  list(kind: LeaseKind): Lease[];
}

export function createMemoryLeases(clock: Clock): MemoryLeases {
  const untilMs = { gateways: new Map<string, number>(), workers: new Map<string, number>() };
  return {
    keep: (kind, id, ttlMs) => {
      if (ttlMs > 0) untilMs[kind].set(id, clock.now() + ttlMs);
      else untilMs[kind].delete(id);
      return Math.max(0, ttlMs);
    },
    list: (kind) => {
      const now = clock.now();
      for (const [id, until] of untilMs[kind]) if (until < now) untilMs[kind].delete(id);
      return [...untilMs[kind]]
        .map(([id, until]) => ({ id, remainingMs: until - now }))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
    },
  };
}
