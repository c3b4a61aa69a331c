/** How a viewer sees a user: pure rules. */
import type { Contact, Frozen } from '../gen/graph/v1/graph_service.ts';
import { Mode, Status, type Presence } from '../gen/presence/v1/presence.ts';

/** A user looked up, with what their shard makes of one who has been OFFLINE for some time. */
export interface Sighting {
  readonly presence: Presence;
  /** Nobody is shown with a lower version. */
  readonly floor: bigint;
  /** Who has been OFFLINE since a version below this looks as if never seen. */
  readonly forgottenBelow: bigint;
}

/** The user as this contact of theirs may see them. */
export function asSeen({ mode, hidden, frozen }: Contact, sighting: Sighting): Presence {
  const { presence } = sighting;
  if (!hidden) return { ...presence, mode };
  const { lastActive, version } = frozen ? asLeft(frozen, sighting) : presence;
  return { userId: presence.userId, status: Status.STATUS_OFFLINE, lastActive, version, mode };
}

/** One who is hidden looks as one who left when the block began, and as nothing that they do would make them look. */
function asLeft(frozen: Frozen, { floor, forgottenBelow }: Sighting): Frozen {
  const version = frozen.version > floor ? frozen.version : floor;
  const isForgotten = frozen.version < forgottenBelow;
  return { version, lastActive: isForgotten ? undefined : frozen.lastActive };
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
