/** How a viewer sees a user: pure rules. */
import type { Contact } from '../gen/graph/v1/graph_service.ts';
import { Mode, Status, type Presence } from '../gen/presence/v1/presence.ts';

/** The user as this contact of theirs may see them. While hidden: offline, with exactly what was last shown. */
export function asSeen({ mode, hidden, frozen }: Contact, presence: Presence): Presence {
  if (!hidden) return { ...presence, mode };
  const { lastActive, version } = frozen ?? presence;
  return { userId: presence.userId, status: Status.STATUS_OFFLINE, lastActive, version, mode };
}

/** What is told of a user nobody knows, or whom the asker may not see. */
export function asStranger(userId: string): Presence {
  return {
    userId,
    status: Status.STATUS_OFFLINE,
    lastActive: undefined,
    version: 0n,
    mode: Mode.MODE_UNSPECIFIED,
  };
}
