import type { NotificationRequest, NotificationStore } from '../store/notification-store.ts';

/** A browser that has ended its subscription is told of nobody any more: its viewer's other requests to it go too. */
export function createForgetting(
  notifications: Pick<NotificationStore, 'listOf' | 'cancel'>,
): (request: NotificationRequest) => Promise<void> {
  return async ({ viewerUserId, subscription: { endpoint } }) => {
    const requests = await notifications.listOf(viewerUserId);
    await Promise.all(
      requests
        .filter(({ subscription }) => subscription.endpoint === endpoint)
        .map(({ subjectUserId }) =>
          notifications.cancel({ viewerUserId, subjectUserId, endpoint }),
        ),
    );
  };
}
