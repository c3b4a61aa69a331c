/** gRPC clients of the parts' services, as their users have them. */
import { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import { PresenceServiceClient } from '../../gen/presence/v1/presence_service.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { createClientPool, type ClientPool } from '../../lib/grpc/client.ts';

export const openGraph = (...addresses: readonly string[]): ClientPool<GraphServiceClient> =>
  createClientPool({ service: GraphServiceClient, name: 'graph', addresses, clock });

export const openPresence = (...addresses: readonly string[]): ClientPool<PresenceServiceClient> =>
  createClientPool({ service: PresenceServiceClient, name: 'presence', addresses, clock });
