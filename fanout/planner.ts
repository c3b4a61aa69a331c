/** One outbox entry → the messages it takes: audience from graph, routes and live gateways from the store. */
import type { GraphServiceClient } from '../gen/graph/v1/graph_service.ts';
import { createBatcher } from '../lib/batcher.ts';
import type { ClientPool } from '../lib/grpc/client.ts';
import type { OutboxEntry, PresenceStore } from '../store/presence-store.ts';
import { audienceRequest, viewerGroups } from './audience.ts';
import type { Gateways } from './gateways.ts';
import { parcelsFor, type GatewayParcel } from './routes.ts';

/** One try, in the trace of that traceparent. Rejects with what graph or the store said. */
export type Planner = (entry: OutboxEntry, trace: string) => Promise<readonly GatewayParcel[]>;

export interface PlannerOptions {
  readonly graph: Pick<ClientPool<GraphServiceClient>, 'asking'>;
  readonly store: Pick<PresenceStore, 'routes'>;
  readonly gateways: Gateways;
}

/** Users a look-up of routes; a larger audience goes alone. */
const ROUTES_A_CALL = 2000;

export function createPlanner({ graph, store, gateways }: PlannerOptions): Planner {
  const routesOf = createBatcher<readonly string[], Routes>({
    call: async (audiences) => split(audiences, await store.routes(audiences.flat())),
    weigh: (audience) => audience.length,
    maxWeight: ROUTES_A_CALL,
  });
  const audienceOf = graph.asking((client) => client.streamAudiences);
  return async (entry, trace) => {
    const audience = await audienceOf(audienceRequest(entry), {
      traceparent: trace,
      isIdempotent: true,
    });
    const groups = viewerGroups(entry, audience);
    const viewers = groups.flatMap(({ userIds }) => userIds);
    if (viewers.length === 0) return [];
    const routes = await routesOf(viewers);
    const live = await gateways.live(new Set(routes.flat()));
    const byViewer = new Map(viewers.map((userId, i) => [userId, routes[i] ?? []]));
    return parcelsFor(groups, (userId) => byViewer.get(userId) ?? [], live);
  };
}

/** Gateways of each user, in order. */
type Routes = readonly (readonly string[])[];

function split(audiences: readonly (readonly string[])[], routes: Routes): Routes[] {
  let from = 0;
  return audiences.map(({ length }) => routes.slice(from, (from += length)));
}
