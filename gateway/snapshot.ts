import type { Presence } from '../gen/presence/v1/presence.ts';
import type { Upstreams } from './upstreams.ts';
import { asSeen } from './views.ts';

export interface View {
  readonly presences: readonly Presence[];
  /** Above zero: what was read may be older than what was seen before; read again after so many ms. */
  readonly holdMs: number;
}

/** Everyone a user sees, as they may see them; contacts read no earlier than the revision. */
export async function readView(
  upstreams: Upstreams,
  viewerUserId: string,
  minRevision: bigint,
): Promise<View> {
  const contacts = await upstreams.contacts(viewerUserId, minRevision);
  const { sightings, holdMs } = await upstreams.lookUp(contacts.map(({ userId }) => userId));
  const presences = contacts.flatMap((contact, i) => {
    const sighting = sightings[i];
    return sighting ? [asSeen(contact, sighting)] : [];
  });
  return { presences, holdMs };
}
