/** Users in the mesh's store, for benchmarks of what happens beside them. */
import type { Clock } from '../../lib/clock.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { eventually } from '../../test/support/eventually.ts';
import { inBatches } from './in-batches.ts';

const IN_FLIGHT = 1000;

/** So many users whose leases run on for nearly the whole lease. */
export async function addLiveUsers(store: PresenceStore, count: number): Promise<void> {
  await inBatches(count, IN_FLIGHT, (i) => open(store, `live-${i}`, 0));
  await Promise.all(allShards(store).map((shard) => store.fence(shard, { truncate: true })));
  await eventually(async () => {
    const states = await Promise.all(allShards(store).map((shard) => store.lookup(shard, [])));
    return states.every(({ holdMs }) => holdMs === 0);
  });
}

export interface Expiring {
  readonly clock: Clock;
  /** Names the users. */
  readonly round: string;
  readonly users: number;
  readonly leaseTtlMs: number;
  /** Their leases end from so long after now … */
  readonly fromMs: number;
  /** … evenly, for so long. */
  readonly overMs: number;
}

/** Opens them. @returns the deadline of each, in Redis's time. */
export async function addExpiringUsers(
  store: PresenceStore,
  { round, users, leaseTtlMs, fromMs, overMs, clock }: Expiring,
): Promise<ReadonlyMap<string, number>> {
  const startedMs = clock.monotonic();
  const deadlines = new Map<string, number>();
  await inBatches(users, IN_FLIGHT, async (i) => {
    const userId = `${round}-${i}`;
    const leftMs = startedMs + fromMs + (overMs * i) / users - clock.monotonic();
    await open(store, userId, Math.round(leaseTtlMs - leftMs));
    const { nowMs, sessions } = await store.inspect(userId);
    deadlines.set(userId, nowMs + (sessions[0]?.remainingMs ?? Number.NaN));
  });
  return deadlines;
}

async function open(store: PresenceStore, userId: string, ageMs: number): Promise<void> {
  await store.change({
    ...{ kind: 'open', userId, sessionId: 's', gatewayId: 'gateway', device: '', trace: '' },
    ...{ activity: 'ONLINE', epoch: 0, ageMs },
  });
}

function allShards({ shardCount }: PresenceStore): number[] {
  return Array.from({ length: shardCount }, (_, shard) => shard);
}
