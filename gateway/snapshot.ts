import type { PresenceReading, Upstreams } from './upstreams.ts';
import { asSeen } from './views.ts';

/** Everyone a user sees, as they may see them; contacts read no earlier than the revision. */
export async function readView(
  upstreams: Upstreams,
  viewerUserId: string,
  minRevision: bigint,
): Promise<PresenceReading> {
  const contacts = await upstreams.contacts(viewerUserId, minRevision);
  const { presences, holdMs } = await upstreams.presences(contacts.map(({ userId }) => userId));
  const view = contacts.flatMap((contact, i) => {
    const presence = presences[i];
    return presence ? [asSeen(contact, presence)] : [];
  });
  return { presences: view, holdMs };
}
