/** Who is told of an outbox entry, and what each of them sees: pure. */
import type { Delivery } from '../gen/fanout/v1/messages.ts';
import type {
  AudienceGroup,
  GetAudienceRequest,
  GetAudienceResponse,
  HiddenViewer,
} from '../gen/graph/v1/graph_service.ts';
import { Mode, Status, type Presence } from '../gen/presence/v1/presence.ts';
import { asLeft, type Kept } from '../lib/hidden.ts';
import type { OutboxEntry } from '../store/presence-store.ts';
import type { VisibleStatus } from '../store/status.ts';

/** What a viewer is told. */
export type ViewChange = NonNullable<Delivery['change']>;

/** Viewers who are told the same. */
export interface ViewerGroup {
  readonly change: ViewChange;
  readonly userIds: readonly string[];
  /** They are sent nothing, but what their gateways took from the graph is to be read again. */
  readonly quiet: boolean;
  /** Above 0: they are sent all that they see anew, no older than this revision of the graph. */
  readonly viewRevision: bigint;
}

const statusOf: Record<VisibleStatus, Status> = {
  ONLINE: Status.STATUS_ONLINE,
  AWAY: Status.STATUS_AWAY,
  BUSY: Status.STATUS_BUSY,
  OFFLINE: Status.STATUS_OFFLINE,
};

export function toStatus(status: VisibleStatus): Status {
  return statusOf[status];
}

/** A time of the store; absent for "never". */
export function toTime(ms: number): Date | undefined {
  return ms > 0 ? new Date(ms) : undefined;
}

export function audienceRequest(entry: OutboxEntry): GetAudienceRequest {
  return {
    subjectUserId: entry.settled.userId,
    minRevision: BigInt(entry.graphRevision),
    onlyUserIds: [...entry.only],
  };
}

/** Everyone who is told, each viewer in one group; no empty groups. */
export function viewerGroups(entry: OutboxEntry, audience: GetAudienceResponse): ViewerGroup[] {
  return [
    ...audience.groups.map((group) => openGroup(entry, group)),
    ...audience.hidden.map((viewer) => hiddenGroup(entry, viewer)),
    {
      change: { $case: 'removedUserId' as const, value: entry.settled.userId },
      userIds: audience.removedUserIds,
      ...LOUD,
    },
  ].filter(({ userIds }) => userIds.length > 0);
}

function openGroup(entry: OutboxEntry, { mode, userIds }: AudienceGroup): ViewerGroup {
  const { settled } = entry;
  return update(entry, userIds, {
    userId: settled.userId,
    status: toStatus(settled.status),
    lastActive: toTime(settled.lastActiveMs),
    version: BigInt(settled.version),
    mode,
  });
}

/**
 * A hidden subject looks as one who left when it was hidden. The announcement of the block itself comes before that is
 * on record: its own version makes the viewer's client take it, and then becomes the record.
 */
function hiddenGroup(entry: OutboxEntry, { userId, frozen, mode }: HiddenViewer): ViewerGroup {
  const { settled } = entry;
  const shown = frozen
    ? asLeft(frozen, keptOf(entry))
    : { lastActive: toTime(settled.lastActiveMs), version: BigInt(settled.version) };
  return update(entry, [userId], {
    userId: settled.userId,
    status: Status.STATUS_OFFLINE,
    ...shown,
    mode,
  });
}

/** Announcements alone have a horizon; without one, what was shown stands. */
function keptOf({ horizon }: OutboxEntry): Kept {
  return {
    floor: BigInt(horizon?.floor ?? 0),
    forgottenBelow: BigInt(horizon?.forgottenBelow ?? 0),
  };
}

function update(entry: OutboxEntry, userIds: readonly string[], value: Presence): ViewerGroup {
  return { change: { $case: 'update', value }, userIds, ...loudnessOf(entry, value.mode) };
}

type Loudness = Pick<ViewerGroup, 'quiet' | 'viewRevision'>;

const LOUD: Loudness = { quiet: false, viewRevision: 0n };
const QUIET: Loudness = { quiet: true, viewRevision: 0n };

function loudnessOf({ quiet, graphRevision }: OutboxEntry, mode: Mode): Loudness {
  if (quiet === 'VIEW') return { quiet: true, viewRevision: BigInt(graphRevision) };
  return quiet === 'ALL' || (quiet === 'PULLED' && mode === Mode.MODE_PULL) ? QUIET : LOUD;
}
