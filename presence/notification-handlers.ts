/** NotificationService: generated types to store and back. */
import { status } from '@grpc/grpc-js';
import type {
  CancelNotificationRequest,
  CancelNotificationResponse,
  ListNotificationsRequest,
  ListNotificationsResponse,
  RequestNotificationRequest,
  RequestNotificationResponse,
} from '../gen/presence/v1/notification_service.ts';
import { invalidArgument, RpcError } from '../lib/errors.ts';
import { requireIdentifier } from '../lib/identifiers.ts';
import { subscriptionProblem } from '../lib/web-push/subscription.ts';
import type { AskOutcome, NotificationStore } from '../store/notification-store.ts';

export async function requestNotification(
  notifications: NotificationStore,
  request: RequestNotificationRequest,
): Promise<RequestNotificationResponse> {
  const { subscription, hidden } = request;
  const { viewerUserId, subjectUserId } = requireBoth(request);
  if (!subscription) throw invalidArgument('subscription', 'is missing');
  const problem = subscriptionProblem(subscription);
  if (problem) throw invalidArgument('subscription', problem);
  const ask = { viewerUserId, subjectUserId, subscription, whileHere: hidden };
  const outcome = await notifications.ask(ask);
  if (outcome !== 'KEPT') throw refusals[outcome](subjectUserId);
  return {};
}

const refusals: Record<Exclude<AskOutcome, 'KEPT'>, (subject: string) => RpcError> = {
  HERE: (subject) =>
    new RpcError(
      status.FAILED_PRECONDITION,
      `${subject} is online now: there is nothing to wait for`,
    ),
  VIEWER_FULL: () =>
    new RpcError(status.RESOURCE_EXHAUSTED, 'too many requests wait already: cancel some first'),
  SUBJECT_FULL: (subject) =>
    new RpcError(status.RESOURCE_EXHAUSTED, `too many wait for ${subject}: try again another day`),
};

export async function cancelNotification(
  notifications: NotificationStore,
  request: CancelNotificationRequest,
): Promise<CancelNotificationResponse> {
  const { endpoint } = request;
  const which = { ...requireBoth(request), ...(endpoint === '' ? {} : { endpoint }) };
  return { cancelled: await notifications.cancel(which) };
}

export async function listNotifications(
  notifications: NotificationStore,
  request: ListNotificationsRequest,
): Promise<ListNotificationsResponse> {
  const viewerUserId = requireIdentifier('viewer_user_id', request.viewerUserId);
  const requests = await notifications.listOf(viewerUserId);
  return {
    notifications: requests.map(({ subjectUserId, subscription, askedAtMs }) => ({
      ...{ subjectUserId, endpoint: subscription.endpoint },
      askedAt: new Date(askedAtMs),
    })),
  };
}

function requireBoth(request: { viewerUserId: string; subjectUserId: string }) {
  const viewerUserId = requireIdentifier('viewer_user_id', request.viewerUserId);
  const subjectUserId = requireIdentifier('subject_user_id', request.subjectUserId);
  if (viewerUserId !== subjectUserId) return { viewerUserId, subjectUserId };
  throw invalidArgument('subject_user_id', 'is the viewer: name somebody else');
}
