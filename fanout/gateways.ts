/** Which gateways are there to be sent anything: those whose lease runs. */
import type { Clock } from '../lib/clock.ts';
import type { PresenceStore } from '../store/presence-store.ts';

export interface Gateways {
  /**
   * Those of the ids whose lease runs, by a list no older than CACHE_MS; one that is not in it is looked for in a
   * list read anew, since it may have come a moment ago.
   */
  live(gatewayIds: ReadonlySet<string>): Promise<ReadonlySet<string>>;
  /** By a list read now. Rejects when the store does not answer: then nothing is known. */
  isLive(gatewayId: string): Promise<boolean>;
  /** How many there were when they were last listed. */
  count(): number;
}

export interface GatewaysOptions {
  readonly store: Pick<PresenceStore, 'listLeases'>;
  readonly clock: Clock;
}

/** How long a list of leases may be used, ms. */
const CACHE_MS = 250;

interface LeaseList {
  readonly readAtMs: number;
  readonly ids: ReadonlySet<string>;
}

export function createGateways({ store, clock }: GatewaysOptions): Gateways {
  let list: LeaseList | undefined;
  let reading: Promise<LeaseList> | undefined;

  const read = async (): Promise<LeaseList> => {
    const readAtMs = clock.monotonic();
    try {
      const leases = await store.listLeases('gateways');
      list = { readAtMs, ids: new Set(leases.map(({ id }) => id)) };
      return list;
    } finally {
      reading = undefined;
    }
  };
  /** A read under way may have passed the store before the id came to be asked for: it is not new enough. */
  const readAnew = async (): Promise<LeaseList> => {
    await reading?.catch(() => undefined);
    return (reading ??= read());
  };
  const recent = async (): Promise<LeaseList> =>
    list && clock.monotonic() - list.readAtMs <= CACHE_MS ? list : (reading ??= read());

  return {
    async live(gatewayIds) {
      const { ids } = await recent();
      const known = [...gatewayIds].every((id) => ids.has(id)) ? ids : (await readAnew()).ids;
      return new Set([...gatewayIds].filter((id) => known.has(id)));
    },
    isLive: async (gatewayId) => (await readAnew()).ids.has(gatewayId),
    count: () => list?.ids.size ?? 0,
  };
}
