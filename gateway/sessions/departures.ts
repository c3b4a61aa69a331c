/** Tells presence of sessions that are over. Until it has heard, the session would run to its deadline. */
import type { CloseReason, CloseSessionRequest } from '../../gen/registry/v1/registry_service.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { retry } from '../../lib/retry.ts';
import type { Received } from '../upstreams/client-trace.ts';
import type { Lease } from '../heartbeats/lease.ts';
import type { Registration } from './registration.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';

export interface DeparturesOptions {
  readonly upstreams: Upstreams;
  readonly clock: Clock;
  readonly logger: Logger;
  /** After so long the lease has ended by itself, ms. */
  readonly giveUpAfterMs: () => number;
}

export interface Departure {
  readonly lease: Lease;
  readonly reason: CloseReason;
  /** One under way would open the session again if it came second. */
  readonly registration: Pick<Registration, 'settled' | 'mayComeLate'>;
  readonly received: Received;
}

export interface Departures extends AsyncDisposable {
  add(departure: Departure): void;
}

const BACKOFF = { baseMs: 50, maxMs: 1000 };
/**
 * When a session is closed again that may be registered late, ms after it was closed. A server that hung does what
 * waited for it in any order, at once; a network that delivers late has been given up by then.
 */
const AGAIN_AFTER_MS = [1000, 14_000];
/** On stopping, time for those that are under way, ms. */
const LAST_TRY_MS = 1000;

export function createDepartures(options: DeparturesOptions): Departures {
  const { upstreams, clock, logger } = options;
  const stopping = new AbortController();
  const pending = new Set<Promise<void>>();

  const { signal } = stopping;
  const closeSurely = async ({ lease, reason, received }: Departure): Promise<void> => {
    const giveUpAtMs = clock.monotonic() + options.giveUpAfterMs();
    const onFailure = (error: unknown): void => {
      if (clock.monotonic() > giveUpAtMs) throw error;
    };
    const request = (): CloseSessionRequest => {
      const { userId, sessionId } = lease;
      return { userId, sessionId, reason, beatAgeMs: lease.unheardBeatAgeMs(clock.monotonic()) };
    };
    const close = () => upstreams.close(request, received);
    await retry(close, { clock, backoff: BACKOFF, signal, onFailure });
  };
  const depart = async (departure: Departure): Promise<void> => {
    await departure.registration.settled;
    await closeSurely(departure);
    if (!departure.registration.mayComeLate()) return;
    for (const ms of AGAIN_AFTER_MS) {
      await clock.sleep(ms, signal);
      await closeSurely(departure);
    }
  };

  return {
    add(departure) {
      const task = depart(departure)
        .catch((error: unknown) => logger.debug({ err: error }, 'a session runs to its deadline'))
        .finally(() => pending.delete(task));
      pending.add(task);
    },
    async [Symbol.asyncDispose]() {
      const cut = clock.after(LAST_TRY_MS, () => stopping.abort());
      await Promise.all(pending);
      cut.cancel();
      stopping.abort();
    },
  };
}
