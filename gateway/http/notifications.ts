/** /v1/notifications: asking to be told, once, by Web Push, when somebody comes online. */
import { status } from '@grpc/grpc-js';
import type { RpcError } from '../../lib/errors.ts';
import { IDENTIFIER_GRAMMAR, isIdentifier } from '../../lib/identifiers.ts';
import {
  endpointProblem,
  subscriptionProblem,
  type Subscription,
} from '../../lib/web-push/subscription.ts';
import { isForClients } from '../excuses.ts';
import { jsonAnswer, refusal, RETRY_AFTER, type RefusalStatus } from '../server/http-answers.ts';
import type { RestOptions } from './rest.ts';
import type { HttpAnswer, HttpRequest } from '../server/socket-server.ts';

export interface PushOptions {
  /** What browsers subscribe with, base64url; undefined: Web Push is off. */
  readonly publicKey: string | undefined;
  /** Push services on this machine, over plain http: for developers. */
  readonly allowLoopback: boolean;
}

export interface NotificationOptions extends RestOptions {
  readonly push: PushOptions;
}

/** A user's name follows. */
export const NOTIFICATIONS_PATH = '/v1/notifications';

const OFF =
  'Web Push is off: set MESH_VAPID_PUBLIC_KEY for the gateway, and all of MESH_VAPID_… for fanout; npx mesh vapid prints them';

/** GET /v1/push/key */
export function answerPushKey(
  request: HttpRequest,
  options: NotificationOptions,
): Promise<HttpAnswer> {
  return forUsers(request, options, () => Promise.resolve({ publicKey: options.push.publicKey }));
}

/** GET /v1/notifications: what the caller waits for. */
export function answerNotifications(
  request: HttpRequest,
  options: NotificationOptions,
): Promise<HttpAnswer> {
  return forUsers(request, options, async (viewerUserId) => ({
    notifications: await options.upstreams.notifications(viewerUserId),
  }));
}

/** PUT /v1/notifications/USER with a browser's PushSubscription. */
export function answerAsk(request: HttpRequest, options: NotificationOptions): Promise<HttpAnswer> {
  return forUsers(request, options, async (viewerUserId) => {
    const subjectUserId = subjectOf(request);
    if (subjectUserId === viewerUserId) throw new Refusal(400, 'that is you: name somebody else');
    const subscription = readSubscription(request.body, options.push);
    const [contact] = await options.upstreams.visible(viewerUserId, [subjectUserId]);
    if (!contact) {
      throw new Refusal(404, `${subjectUserId} is nobody you see: befriend or follow them first`);
    }
    const { hidden } = contact;
    await options.upstreams.askNotification({ viewerUserId, subjectUserId, subscription, hidden });
    return {};
  });
}

/** DELETE /v1/notifications/USER, with the subscription or its endpoint; without, for all devices. */
export function answerCancel(
  request: HttpRequest,
  options: NotificationOptions,
): Promise<HttpAnswer> {
  return forUsers(request, options, async (viewerUserId) => {
    const subjectUserId = subjectOf(request);
    const endpoint = request.body === '' ? '' : endpointOf(request.body);
    const cancelled = await options.upstreams.cancelNotification({
      ...{ viewerUserId, subjectUserId, endpoint },
    });
    return { cancelled };
  });
}

/** Not done; the words are for the client. */
class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: RefusalStatus;
  constructor(status: RefusalStatus, message: string) {
    super(message);
    this.status = status;
  }
}

async function forUsers(
  request: HttpRequest,
  { doorway, push, excuse }: NotificationOptions,
  answer: (userId: string) => Promise<object>,
): Promise<HttpAnswer> {
  if (push.publicKey === undefined) return refusal(501, OFF);
  const identity = await doorway.identify(request);
  if ('body' in identity) return identity;
  try {
    return jsonAnswer(200, JSON.stringify(await answer(identity.userId)));
  } catch (error) {
    if (error instanceof Refusal) return refusal(error.status, error.message);
    if (isForClients(error)) return refusal(statusOf(error), error.message);
    return refusal(
      503,
      excuse(error, { what: request.path, userId: identity.userId }),
      RETRY_AFTER,
    );
  }
}

const statuses: Partial<Record<status, RefusalStatus>> = {
  [status.INVALID_ARGUMENT]: 400,
  [status.FAILED_PRECONDITION]: 409,
  [status.RESOURCE_EXHAUSTED]: 429,
};

function statusOf({ code }: RpcError): RefusalStatus {
  return statuses[code] ?? 400;
}

function subjectOf({ path }: HttpRequest): string {
  const name = decoded(path.slice(NOTIFICATIONS_PATH.length + 1));
  if (isIdentifier(name)) return name;
  throw new Refusal(
    400,
    `${path}: what follows ${NOTIFICATIONS_PATH}/ is no user id: ${IDENTIFIER_GRAMMAR}`,
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

const EXAMPLE = '{"endpoint":"https://…","keys":{"p256dh":"…","auth":"…"}}';

function readSubscription(body: string, { allowLoopback }: PushOptions): Subscription {
  const { endpoint, keys } = membersOf(body);
  const { p256dh, auth } = (keys ?? {}) as Record<string, unknown>;
  if (typeof endpoint !== 'string' || typeof p256dh !== 'string' || typeof auth !== 'string') {
    throw new Refusal(400, `the body must be a PushSubscription: ${EXAMPLE}`);
  }
  const subscription = { endpoint, p256dh, auth };
  const problem = subscriptionProblem(subscription) ?? endpointProblem(endpoint, { allowLoopback });
  if (problem) throw new Refusal(400, problem);
  return subscription;
}

/** A body that does not name a device must not be taken for all devices. */
function endpointOf(body: string): string {
  const { endpoint } = membersOf(body);
  if (typeof endpoint === 'string' && endpoint !== '') return endpoint;
  throw new Refusal(400, 'endpoint: must be a string; without a body, all devices are meant');
}

/** Members that nobody asks for are left alone: browsers add their own. */
function membersOf(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new Refusal(400, `the body is no JSON object: send ${EXAMPLE}`);
}
