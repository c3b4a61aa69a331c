/**
 * Tells those who asked to be told when a user comes online, by Web Push, each request at most once. It begins when
 * the entry has been delivered to sockets, and nothing waits for it. A request that it does not come to, because graph
 * or Redis does not answer or this process dies, waits for the next time the user comes online.
 */
import type { GraphServiceClient } from '../gen/graph/v1/graph_service.ts';
import { Mode } from '../gen/presence/v1/presence.ts';
import type { Clock } from '../lib/clock.ts';
import type { ClientPool } from '../lib/grpc/client.ts';
import { retry } from '../lib/retry.ts';
import type { NotificationRequest } from '../store/notification-store.ts';
import type { OutboxEntry, PresenceStore } from '../store/presence-store.ts';
import type { Courier } from './courier.ts';
import type { FanoutEvents } from './events.ts';
import type { Gateways } from './gateways.ts';
import { createLimiter } from '../lib/limiter.ts';
import { chunks } from './routes.ts';

export interface Notifier {
  /** Of an entry that says `awaited`. */
  cameOnline(entry: OutboxEntry): void;
  /** Resolves when nothing is under way but retries; soon, once the signal has aborted. */
  idle(): Promise<unknown>;
}

export interface NotifierOptions {
  readonly store: Pick<PresenceStore, 'notifications' | 'routes'>;
  readonly graph: Pick<ClientPool<GraphServiceClient>, 'unary'>;
  readonly gateways: Pick<Gateways, 'live'>;
  readonly courier: Courier;
  readonly clock: Clock;
  readonly events: Pick<FanoutEvents, 'notified' | 'notificationsPostponed'>;
  /** Ends everything. */
  readonly signal: AbortSignal;
}

/** Subjects at once. */
const MAX_SUBJECTS = 8;
/** Requests a step. */
const STEP = 500;
const BACKOFF = { baseMs: 50, maxMs: 1000 };
const MAX_TRIES = 5;

export function createNotifier(options: NotifierOptions): Notifier {
  const inTurn = createLimiter(MAX_SUBJECTS);
  const running = new Set<Promise<void>>();
  const { signal, events } = options;

  const tell = async (entry: OutboxEntry): Promise<void> => {
    if (signal.aborted) return;
    await tellAll(options, entry).catch((error: unknown) => {
      if (!signal.aborted) events.notificationsPostponed(entry, error);
    });
  };
  return {
    cameOnline(entry) {
      const telling = inTurn(() => tell(entry)).finally(() => running.delete(telling));
      running.add(telling);
    },
    idle: () => Promise.all(running),
  };
}

async function tellAll(options: NotifierOptions, entry: OutboxEntry): Promise<void> {
  const { notifications } = options.store;
  let from: string | undefined;
  do {
    const after = from;
    const page = await patiently(options, () =>
      notifications.awaiting(entry.settled.userId, after),
    );
    // An entry may come again, late: it is not for those who asked since.
    const asked = page.requests.filter(({ askedAtMs }) => askedAtMs <= entry.settledAtMs);
    for (const step of chunks(asked, STEP)) await tellSome(options, entry, step);
    from = page.next;
  } while (from !== undefined);
}

async function tellSome(
  options: NotifierOptions,
  entry: OutboxEntry,
  requests: readonly NotificationRequest[],
): Promise<void> {
  const viewers = [...new Set(requests.map(({ viewerUserId }) => viewerUserId))];
  const seeing = await patiently(options, () => seeingNow(options, entry, viewers));
  const due = await patiently(options, () => withinLimits(options, requests, seeing));
  const claimed = await patiently(options, () =>
    options.store.notifications.claim(entry.settled.userId, due),
  );
  const payload = payloadOf(entry);
  const away = claimed.filter(({ viewerUserId }) => seeing.get(viewerUserId) === 'AWAY');
  for (let i = away.length; i < claimed.length; i++) options.events.notified('connected');
  await Promise.all(away.map((request) => options.courier.deliver(request, payload)));
}

/** ON_SCREEN: they are connected and pushed to, so they see it without a notification. */
type Seeing = 'ON_SCREEN' | 'AWAY';

/**
 * Those who may see the subject. The others' requests are left as they are: that one ends would tell its viewer that
 * somebody who hides from them came online.
 */
async function seeingNow(
  { graph, store, gateways }: NotifierOptions,
  { settled, graphRevision }: OutboxEntry,
  viewers: readonly string[],
): Promise<Map<string, Seeing>> {
  const request = {
    subjectUserId: settled.userId,
    minRevision: BigInt(graphRevision),
    onlyUserIds: [...viewers],
  };
  const asking = { isIdempotent: true };
  const { groups } = await graph.unary((client) => client.getAudience, request, asking);
  const seeing = groups.flatMap(({ userIds }) => userIds);
  const pushed = groups.flatMap(({ mode, userIds }) => (mode === Mode.MODE_PUSH ? userIds : []));
  const routes = await store.routes(pushed);
  const live = await gateways.live(new Set(routes.flat()));
  const connected = new Set(pushed.filter((_, i) => routes[i]?.some((id) => live.has(id))));
  return new Map(seeing.map((userId) => [userId, connected.has(userId) ? 'ON_SCREEN' : 'AWAY']));
}

/**
 * Of those who see the subject, without what is beyond as many messages as one viewer may have, whatever number of
 * endpoints they name: it stays as it is, for another time.
 */
async function withinLimits(
  { store: { notifications }, events }: NotifierOptions,
  requests: readonly NotificationRequest[],
  seeing: ReadonlyMap<string, Seeing>,
): Promise<NotificationRequest[]> {
  const kept = await Promise.all(
    requests.map(async (request) => {
      const how = seeing.get(request.viewerUserId);
      if (how === undefined) return [];
      if (how === 'ON_SCREEN' || (await notifications.mayPush(request.viewerUserId)))
        return [request];
      events.notified('postponed');
      return [];
    }),
  );
  return kept.flat();
}

/** What the page's service worker reads. */
function payloadOf({ settled, settledAtMs }: OutboxEntry): string {
  return JSON.stringify({
    userId: settled.userId,
    status: `STATUS_${settled.status}`,
    at: new Date(settledAtMs).toISOString(),
  });
}

function patiently<T>({ clock, signal }: NotifierOptions, task: () => Promise<T>): Promise<T> {
  const onFailure = (error: unknown, attempt: number): void => {
    if (attempt + 1 >= MAX_TRIES) throw error;
  };
  return retry(task, { clock, signal, backoff: BACKOFF, onFailure });
}
