/** What a session asks of presence and graph, in the gateway's words. Every call rejects with RpcError. */
import type { GraphServiceClient, Contact } from '../../gen/graph/v1/graph_service.ts';
import type {
  CancelNotificationRequest,
  NotificationServiceClient,
  PendingNotification,
  RequestNotificationRequest,
} from '../../gen/presence/v1/notification_service.ts';
import type { Status } from '../../gen/presence/v1/presence.ts';
import type {
  Activity,
  ExplainPresenceResponse,
  GetPresenceResponse,
  PresenceServiceClient,
} from '../../gen/presence/v1/presence_service.ts';
import type {
  CloseSessionRequest,
  ConnectionRegistryServiceClient,
  ListGatewaysResponse,
  ListShardsResponse,
  RegisterSessionRequest,
  RegisterSessionResponse,
} from '../../gen/registry/v1/registry_service.ts';
import { durationMs } from '../../lib/durations.ts';
import type { CallSettings, ClientPool } from '../../lib/grpc/client.ts';
import type { Received } from './client-trace.ts';
import type { Clock } from '../../lib/clock.ts';
import { createFairTurns, createLimiter } from '../../lib/limiter.ts';
import type { SessionKey } from './session-key.ts';
import { SharedViews, type ViewAsk } from './shared-views.ts';
import { readView, type Sightings, type View } from './snapshot.ts';
import type { Sighting } from './views.ts';

export interface UpstreamClients {
  readonly clock: Clock;
  readonly presence: ClientPool<PresenceServiceClient>;
  readonly registry: ClientPool<ConnectionRegistryServiceClient>;
  readonly notifications: ClientPool<NotificationServiceClient>;
  readonly graph: ClientPool<GraphServiceClient>;
}

export interface Upstreams {
  /** Requests that tell an age are made when their turn comes. */
  register(
    request: () => RegisterSessionRequest,
    received: Received,
  ): Promise<RegisterSessionResponse>;
  close(request: () => CloseSessionRequest, received: Received): Promise<void>;
  choose(userId: string, chosen: Status, received: Received): Promise<void>;
  setActivity(
    session: SessionKey,
    activity: Activity,
    epoch: number,
    received: Received,
  ): Promise<void>;
  /** Everyone a user sees, as they may see them. */
  view(ask: ViewAsk): Promise<View>;
  /** Those of the users that the viewer may see. */
  visible(viewerUserId: string, userIds: readonly string[]): Promise<readonly Contact[]>;
  /** @param asker who wants to know: of those that wait, each has a turn before one has two. */
  lookUp(asker: string, userIds: readonly string[]): Promise<Sightings>;
  askNotification(request: RequestNotificationRequest): Promise<void>;
  /** @returns how many requests there were. */
  cancelNotification(request: CancelNotificationRequest): Promise<number>;
  notifications(viewerUserId: string): Promise<readonly PendingNotification[]>;
  /** For operators. */
  explain(userId: string): Promise<ExplainPresenceResponse>;
  gateways(): Promise<ListGatewaysResponse>;
  shards(): Promise<ListShardsResponse>;
}

/**
 * Of those that come at once, so many are let in at a time, and as many get their view. A thousand who come from a
 * gateway that died are not in sooner if more of them are: they only keep this process, and those behind it, from
 * whoever is here already (`npm run bench -- reconnects`).
 */
const MAX_OPENING = 8;
/** Closings at a time. */
const MAX_CLOSING = 16;
/** Look-ups at a time of those who are in: watches, and requests without a socket. */
const MAX_LOOKING = 16;
const MAX_IDS_A_CALL = 1000;
/**
 * Reads; and what is told twice as well as once: a session that is opened, closed or active again, a choice that is
 * chosen again. Another process is asked too when the first one hangs.
 */
const IDEMPOTENT: CallSettings = { isIdempotent: true };
const CONTACTS: CallSettings = { ...IDEMPOTENT, timeoutMs: 5000 };

export function createUpstreams(clients: UpstreamClients): Upstreams {
  const { clock, presence, registry, notifications, graph } = clients;
  const registering = createLimiter(MAX_OPENING);
  const closing = createLimiter(MAX_CLOSING);
  const looking = createFairTurns(MAX_LOOKING);
  const register = registry.asking((client) => client.streamRegistrations);
  const close = registry.asking((client) => client.streamClosings);
  const setStatus = presence.asking((client) => client.streamStatuses);
  const getPresence = presence.asking((client) => client.streamLookups);
  const listContacts = graph.asking((client) => client.streamContacts);
  const contacts = async (userId: string, minRevision: bigint): Promise<Contact[]> => {
    const reply = await listContacts({ userId, minRevision, pageSize: 0 }, CONTACTS);
    return reply.contacts;
  };
  const lookUp = async (userIds: readonly string[]): Promise<Sightings> => {
    const ask = (chunk: string[]) => getPresence({ userIds: chunk }, IDEMPOTENT);
    const replies = await Promise.all(chunks(userIds, MAX_IDS_A_CALL).map(ask));
    return {
      sightings: replies.flatMap(sightingsOf),
      holdMs: Math.max(0, ...replies.map(({ holdRemaining }) => durationMs(holdRemaining))),
    };
  };
  const views = new SharedViews({
    clock,
    places: MAX_OPENING,
    read: (request) => readView({ contacts, lookUp }, request),
  });
  return {
    register: (request, received) =>
      registering(() => received.tell((call) => register(request(), { ...call, ...IDEMPOTENT }))),
    async close(request, received) {
      await closing(() => received.tell((call) => close(request(), { ...call, ...IDEMPOTENT })));
    },
    async choose(userId, chosen, received) {
      const request = { userId, change: { $case: 'chosen', value: chosen } } as const;
      await received.tell((call) => setStatus(request, { ...call, ...IDEMPOTENT }));
    },
    async setActivity({ userId, sessionId }, activity, epoch, received) {
      const change = { $case: 'activity', value: { sessionId, activity, epoch } } as const;
      const request = { userId, change };
      await received.tell((call) => setStatus(request, { ...call, ...IDEMPOTENT }));
    },
    view: (ask) => views.read(ask),
    async visible(viewerUserId, userIds) {
      const request = { viewerUserId, userIds: [...userIds] };
      const ask = () => graph.unary((client) => client.filterVisible, request, IDEMPOTENT);
      return (await looking(viewerUserId, ask)).contacts;
    },
    lookUp: (asker, userIds) => looking(asker, () => lookUp(userIds)),
    async askNotification(request) {
      await notifications.unary((client) => client.requestNotification, request);
    },
    async cancelNotification(request) {
      const reply = await notifications.unary((client) => client.cancelNotification, request);
      return reply.cancelled;
    },
    async notifications(viewerUserId) {
      const request = { viewerUserId };
      const reply = await notifications.unary((to) => to.listNotifications, request, IDEMPOTENT);
      return reply.notifications;
    },
    explain: (userId) => presence.unary((to) => to.explainPresence, { userId }, IDEMPOTENT),
    gateways: () => registry.unary((client) => client.listGateways, {}, IDEMPOTENT),
    shards: () => registry.unary((client) => client.listShards, {}, IDEMPOTENT),
  };
}

/** A presence process of an earlier version tells no floors. */
function sightingsOf(reply: GetPresenceResponse): Sighting[] {
  const { presences, floors, forgottenBelow } = reply;
  return presences.map((presence, i) => ({
    presence,
    floor: floors[i] ?? 0n,
    forgottenBelow: forgottenBelow[i] ?? 0n,
  }));
}

function chunks(ids: readonly string[], size: number): string[][] {
  const count = Math.ceil(ids.length / size);
  return Array.from({ length: count }, (_, i) => ids.slice(i * size, (i + 1) * size));
}
