/** How a viewer sees a user: pure rules. */
import type { Contact } from '../../gen/graph/v1/graph_service.ts';
import { Mode, Status, type Presence } from '../../gen/presence/v1/presence.ts';
import { asLeft, type Kept } from '../../lib/hidden.ts';

/** A user looked up, with what their shard makes of one who has been OFFLINE for some time. */
export interface Sighting extends Kept {
  readonly presence: Presence;
}

/** The user as this contact of theirs may see them. */
export function asSeen({ mode, hidden, frozen }: Contact, sighting: Sighting): Presence {
  const { presence } = sighting;
  if (!hidden) return { ...presence, mode };
  const { lastActive, version } = frozen ? asLeft(frozen, sighting) : presence;
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
