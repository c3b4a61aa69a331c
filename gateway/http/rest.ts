/** GET /v1/presence: a look-up for those who need no stream. */
import { create, fromBinary, toJson } from '@bufbuild/protobuf';
import { Presence } from '../../gen/presence/v1/presence.ts';
import { IDENTIFIER_GRAMMAR, isIdentifier } from '../../lib/identifiers.ts';
import { messageSchema } from '../protocol/descriptors.ts';
import type { Doorway } from '../door/doorway.ts';
import type { Excuse } from '../excuses.ts';
import { jsonAnswer, refusal, RETRY_AFTER } from '../server/http-answers.ts';
import type { HttpAnswer, HttpRequest } from '../server/socket-server.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';
import { asSeen, asStranger } from '../upstreams/views.ts';

const MAX_IDS = 200;

export interface RestOptions {
  readonly doorway: Doorway;
  readonly upstreams: Upstreams;
  readonly excuse: Excuse;
}

export async function answerLookup(
  request: HttpRequest,
  { doorway, upstreams, excuse }: RestOptions,
): Promise<HttpAnswer> {
  const identity = await doorway.identify(request);
  if ('body' in identity) return identity;
  const userIds = request.query.getAll('user_id');
  const problem = problemOf(userIds);
  if (problem) return refusal(400, problem);
  try {
    const presences = await lookUp(identity.userId, userIds, upstreams);
    return jsonAnswer(200, JSON.stringify({ presences: presences.map(toProtoJson) }));
  } catch (error) {
    return refusal(
      503,
      excuse(error, { what: request.path, userId: identity.userId }),
      RETRY_AFTER,
    );
  }
}

function problemOf(userIds: readonly string[]): string | undefined {
  if (userIds.length === 0 || userIds.length > MAX_IDS) {
    return `user_id: ${userIds.length} given; ask for 1 to ${MAX_IDS}, as in ?user_id=alice&user_id=bob`;
  }
  const wrong = userIds.find((userId) => !isIdentifier(userId));
  return wrong === undefined
    ? undefined
    : `user_id: ${JSON.stringify(wrong.slice(0, 140))} is no user id: ${IDENTIFIER_GRAMMAR}`;
}

/**
 * In the order asked. Whom the viewer may see is read last: who begins to hide in between is hidden, and not shown as
 * they were after that.
 */
async function lookUp(
  viewerUserId: string,
  userIds: readonly string[],
  upstreams: Upstreams,
): Promise<Presence[]> {
  const { sightings } = await upstreams.lookUp(viewerUserId, userIds);
  const contacts = await upstreams.visible(viewerUserId, [...new Set(userIds)]);
  const contactOf = new Map(contacts.map((contact) => [contact.userId, contact]));
  return userIds.map((userId, i) => {
    const contact = contactOf.get(userId);
    const sighting = sightings[i];
    return contact && sighting ? asSeen(contact, sighting) : asStranger(userId);
  });
}

const PRESENCE = messageSchema('presence.v1.Presence');

function toProtoJson(presence: Presence): unknown {
  const bytes = Presence.encode(presence).finish();
  return toJson(PRESENCE, bytes.length > 0 ? fromBinary(PRESENCE, bytes) : create(PRESENCE));
}
