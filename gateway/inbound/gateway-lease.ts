/**
 * The lease under which fanout sends to this gateway. Once it has ended, messages for this gateway may have been
 * dropped as undeliverable: when it is held again soon, every view is to be read again; when not, clients are better
 * off elsewhere.
 */
import type { ConnectionRegistryServiceClient } from '../../gen/registry/v1/registry_service.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import { durationMs } from '../../lib/durations.ts';
import { messageOf } from '../../lib/errors.ts';
import type { CallSettings, ClientPool } from '../../lib/grpc/client.ts';

export interface GatewayLeaseOptions {
  readonly gatewayId: string;
  readonly registry: ClientPool<ConnectionRegistryServiceClient>;
  readonly clock: Clock;
  /** Held; `again`: after a time in which it was not. */
  readonly onHeld: (again: boolean) => void;
  /** Not renewed; told once until it is renewed again. */
  readonly onFailure: (problem: string) => void;
  /** Ended without being renewed; it is still tried. */
  readonly onEnded: () => void;
  /** Not to be had again for so long that nobody should wait for it. */
  readonly onLost: () => void;
}

/** Disposing gives the lease back. */
export interface GatewayLease extends AsyncDisposable {
  start(): void;
}

const RENEW_MS = 1000;
const CALL: CallSettings = { timeoutMs: 1000, isIdempotent: true };
const RETRY_MS = 100;
const LOST_AFTER_MS = 3000;

export function createGatewayLease(options: GatewayLeaseOptions): GatewayLease {
  const { gatewayId, registry, clock } = options;
  let renewal: Timer | undefined;
  let expiry: Timer | undefined;
  let isStopped = false;
  let hasEnded = false;
  let isFailing = false;

  const keep = (release: boolean): Promise<number> =>
    registry
      .unary((client) => client.keepGateway, { gatewayId, release }, CALL)
      .then(({ remaining }) => durationMs(remaining));

  const renew = async (): Promise<void> => {
    const askedAtMs = clock.monotonic();
    let nextAtMs = askedAtMs + RENEW_MS;
    try {
      held((await keep(false)) - (clock.monotonic() - askedAtMs));
    } catch (error) {
      if (!isFailing) options.onFailure(messageOf(error));
      isFailing = true;
      nextAtMs = clock.monotonic() + RETRY_MS;
    }
    if (isStopped) return;
    renewal = clock.after(Math.max(0, nextAtMs - clock.monotonic()), () => void renew());
  };

  const held = (remainingMs: number): void => {
    isFailing = false;
    if (isStopped) return;
    expiry?.cancel();
    expiry = clock.after(Math.max(0, remainingMs), ended);
    options.onHeld(hasEnded);
    hasEnded = false;
  };

  const ended = (): void => {
    hasEnded = true;
    options.onEnded();
    expiry = clock.after(LOST_AFTER_MS, options.onLost);
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
