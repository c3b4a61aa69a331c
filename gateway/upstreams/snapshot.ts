import type { Contact } from '../../gen/graph/v1/graph_service.ts';
import type { SharedFrame } from '../protocol/frames.ts';
import { snapshotFrames } from '../protocol/snapshot-frames.ts';
import { asSeen, type Sighting } from './views.ts';

export interface ViewRequest {
  readonly viewerUserId: string;
  /** Contacts are read no earlier than this revision of the graph. */
  readonly minRevision: bigint;
}

export interface View {
  /** Everyone who is seen: a snapshot in parts, for all connections of the user. */
  readonly frames: readonly SharedFrame[];
  /** Above zero: what was read may be older than what was seen before; read again after so many ms. */
  readonly holdMs: number;
}

export interface Sightings {
  /** In the order asked. */
  readonly sightings: readonly Sighting[];
  /** As that of a view. */
  readonly holdMs: number;
}

export interface ViewSources {
  contacts(userId: string, minRevision: bigint): Promise<readonly Contact[]>;
  lookUp(userIds: readonly string[]): Promise<Sightings>;
}

/** Everyone a user sees, as they may see them. */
export async function readView(
  { contacts: read, lookUp }: ViewSources,
  { viewerUserId, minRevision }: ViewRequest,
): Promise<View> {
  const contacts = await read(viewerUserId, minRevision);
  const { sightings, holdMs } = await lookUp(contacts.map(({ userId }) => userId));
  const presences = contacts.flatMap((contact, i) => {
    const sighting = sightings[i];
    return sighting ? [asSeen(contact, sighting)] : [];
  });
  return { frames: snapshotFrames(presences), holdMs };
}
