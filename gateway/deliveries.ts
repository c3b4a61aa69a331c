/** What fanout says, to the sessions of those it is for. */
import type { Delivery } from '../gen/fanout/v1/messages.ts';
import type { Hub } from './hub.ts';
import { changeOf, type SubjectChange } from './subject-change.ts';
import type { Watches } from './watches.ts';

/** Nothing here waits, and a frame is encoded once for all who speak the same. */
export function deliver(delivery: Delivery, hub: Hub, watches: Watches): void {
  const change = subjectChangeOf(delivery);
  if (!change) return;
  for (const userId of delivery.recipientUserIds) {
    for (const session of hub.sessionsOf(userId)) {
      session.deliver(change);
      if (session.watching) watches.delivered(session, change.subjectUserId);
    }
  }
}

function subjectChangeOf({ change }: Delivery): SubjectChange | undefined {
  if (change?.$case === 'update') return changeOf(change.value.userId, change.value);
  if (change?.$case === 'removedUserId') return changeOf(change.value, undefined);
  return undefined;
}
