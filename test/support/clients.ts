/** gRPC clients of the parts' services, as their users have them. */
import { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import { PresenceServiceClient } from '../../gen/presence/v1/presence_service.ts';
import { ConnectionRegistryServiceClient } from '../../gen/registry/v1/registry_service.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { createClientPool, type CallSettings, type ClientPool } from '../../lib/grpc/client.ts';
import type { BaseClient } from '../../lib/grpc/peer.ts';

export const openGraph = (...addresses: readonly string[]): ClientPool<GraphServiceClient> =>
  patient(createClientPool({ service: GraphServiceClient, name: 'graph', addresses, clock }));

export const openPresence = (...addresses: readonly string[]): ClientPool<PresenceServiceClient> =>
  patient(createClientPool({ service: PresenceServiceClient, name: 'presence', addresses, clock }));

export const openRegistry = (
  ...addresses: readonly string[]
): ClientPool<ConnectionRegistryServiceClient> =>
  patient(
    createClientPool({
      service: ConnectionRegistryServiceClient,
      name: 'presence',
      addresses,
      clock,
    }),
  );

const PATIENCE_MS = 30_000;

/** Waits longer where a call does not say for how long: on a busy machine the pool's own time may be too little. */
export function patient<C extends BaseClient>(pool: ClientPool<C>): ClientPool<C> {
  const long = (settings: CallSettings = {}): CallSettings => ({
    timeoutMs: PATIENCE_MS,
    ...settings,
  });
  return {
    ...pool,
    get clients() {
      return pool.clients;
    },
    unary: (method, request, settings) => pool.unary(method, request, long(settings)),
    asking: (method) => {
      const ask = pool.asking(method);
      return (request, settings) => ask(request, long(settings));
    },
    stream: (method, request, settings) => pool.stream(method, request, long(settings)),
  };
}
