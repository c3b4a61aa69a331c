/**
 * The lease under which fanout sends to this gateway. Once it has ended, messages for this gateway may have been
 * dropped as undeliverable, so whoever holds connections must close them.
 */
import type { ConnectionRegistryServiceClient } from '../gen/registry/v1/registry_service.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { durationMs } from '../lib/durations.ts';
import { messageOf } from '../lib/errors.ts';
import type { ClientPool } from '../lib/grpc/client.ts';

export interface GatewayLeaseOptions {
  readonly gatewayId: string;
  readonly registry: ClientPool<ConnectionRegistryServiceClient>;
  readonly clock: Clock;
  readonly onHeld: () => void;
  readonly onFailure: (problem: string) => void;
  readonly onLost: () => void;
}

/** Disposing gives the lease back. */
export interface GatewayLease extends AsyncDisposable {
  start(): void;
}

const RENEW_MS = 1000;
const TIMEOUT_MS = 1000;
const RETRY_MS = 100;

export function createGatewayLease(options: GatewayLeaseOptions): GatewayLease {
  const { gatewayId, registry, clock } = options;
  let renewal: Timer | undefined;
  let expiry: Timer | undefined;
  let isStopped = false;

  const keep = (release: boolean): Promise<number> =>
    registry
      .unary((client) => client.keepGateway, { gatewayId, release }, { timeoutMs: TIMEOUT_MS })
      .then(({ remaining }) => durationMs(remaining));

  const renew = async (): Promise<void> => {
    const askedAtMs = clock.monotonic();
    let nextAtMs = askedAtMs + RENEW_MS;
    try {
      held((await keep(false)) - (clock.monotonic() - askedAtMs));
    } catch (error) {
      options.onFailure(messageOf(error));
      nextAtMs = clock.monotonic() + RETRY_MS;
    }
    if (isStopped) return;
    renewal = clock.after(Math.max(0, nextAtMs - clock.monotonic()), () => void renew());
  };

  const held = (remainingMs: number): void => {
    if (isStopped) return;
    expiry?.cancel();
    expiry = clock.after(Math.max(0, remainingMs), options.onLost);
    options.onHeld();
  };

  return {
    start: () => void renew(),
    async [Symbol.asyncDispose]() {
      isStopped = true;
      renewal?.cancel();
      expiry?.cancel();
      // Without an answer it ends by itself.
      await keep(true).catch(() => undefined);
    },
  };
}
