/** Frames from clients: bytes or JSON to a checked ClientFrame, or a FrameError that says what would be right. */
import { fromJsonString, toBinary } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { ClientFrame } from '../../gen/edge/v1/frames.ts';
import { Status } from '../../gen/presence/v1/presence.ts';
import { Activity } from '../../gen/presence/v1/presence_service.ts';
import { messageOf } from '../../lib/errors.ts';
import { IDENTIFIER_GRAMMAR, isIdentifier } from '../../lib/identifiers.ts';
import { enumNames, memberNames, messageSchema } from './descriptors.ts';
import { badFrame, invalidField } from './frame-error.ts';

/** What a client asks for: exactly one member. */
export type ClientMessage = NonNullable<ClientFrame['frame']>;

const CLIENT_FRAME = messageSchema('edge.v1.ClientFrame');
const MEMBERS = memberNames('edge.v1.ClientFrame');
const MEMBER_LIST = [...MEMBERS.values()].join(', ');
export const MAX_IDS_A_FRAME = 100;

export function decodeProto(bytes: Uint8Array): ClientMessage {
  try {
    checkMembers(bytes);
    return checked(ClientFrame.decode(bytes).frame);
  } catch (error) {
    throw error instanceof RangeError || error instanceof TypeError || isPlain(error)
      ? badFrame(`not a Protobuf edge.v1.ClientFrame: ${messageOf(error)}`)
      : error;
  }
}

/** The runtime of Protobuf throws bare errors. */
const isPlain = (error: unknown): boolean => error instanceof Error && error.name === 'Error';

/** Protobuf itself passes over unknown members, and of two takes the last one. */
function checkMembers(bytes: Uint8Array): void {
  const reader = new BinaryReader(bytes);
  let seen: string | undefined;
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const member = MEMBERS.get(number);
    if (!member) throw badFrame(`field ${number} is unknown; a frame has one of ${MEMBER_LIST}`);
    if (seen) throw badFrame(`${seen} and ${member} in one frame; send one of them a frame`);
    seen = member;
    reader.skip(wireType, number);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

export function decodeJson(bytes: Uint8Array): ClientMessage {
  let frame: ClientFrame;
  try {
    const message = fromJsonString(CLIENT_FRAME, utf8.decode(bytes));
    frame = ClientFrame.decode(toBinary(CLIENT_FRAME, message));
  } catch (error) {
    throw badFrame(withHint(messageOf(error)));
  }
  return checked(frame.frame);
}

/** The runtime says what is wrong; this adds what would be right. */
function withHint(problem: string): string {
  const [, message] = /message ([\w.]+) from JSON: key .* is unknown/.exec(problem) ?? [];
  if (message) return `${problem}; it has ${nameList([...memberNames(message).values()])}`;
  const [, enumeration] = /enum ([\w.]+) from JSON/.exec(problem) ?? [];
  if (enumeration) return `${problem}; it is one of ${nameList(enumNames(enumeration))}`;
  return `${problem}; a frame is one JSON object with one of ${MEMBER_LIST}, as in {"heartbeat":{}}`;
}

const nameList = (names: readonly string[]): string => names.join(', ') || 'no members';

function checked(frame: ClientFrame['frame']): ClientMessage {
  switch (frame?.$case) {
    case undefined:
      throw badFrame(`an empty frame; it has one of ${MEMBER_LIST}`);
    case 'heartbeat':
      return heartbeat(frame.value.activity);
    case 'setStatus':
      checkChoice(frame.value.status);
      return frame;
    case 'watch':
    case 'unwatch':
      checkIds(`${frame.$case}.userIds`, frame.value.userIds);
      return frame;
    case 'resync':
    case 'logout':
      return frame;
  }
}

const ACTIVITIES: ReadonlySet<Activity> = new Set(Object.values(Activity));

/** Not given is active. */
function heartbeat(given: Activity): ClientMessage {
  const activity = given === Activity.ACTIVITY_UNSPECIFIED ? Activity.ACTIVITY_ACTIVE : given;
  if (ACTIVITIES.has(activity)) return { $case: 'heartbeat', value: { activity } };
  throw invalidField(
    'heartbeat.activity',
    `${given} is unknown; it is ACTIVITY_ACTIVE or ACTIVITY_IDLE`,
  );
}

const CHOICES: ReadonlySet<Status> = new Set([
  Status.STATUS_UNSPECIFIED,
  Status.STATUS_ONLINE,
  Status.STATUS_AWAY,
  Status.STATUS_BUSY,
  Status.STATUS_INVISIBLE,
]);

function checkChoice(status: Status): void {
  if (CHOICES.has(status)) return;
  const given = status === Status.STATUS_OFFLINE ? 'STATUS_OFFLINE' : String(status);
  throw invalidField(
    'setStatus.status',
    `${given} cannot be chosen; choose STATUS_ONLINE, STATUS_AWAY, STATUS_BUSY or STATUS_INVISIBLE, ` +
      'or leave it out to let the status follow activity',
  );
}

function checkIds(field: string, ids: readonly string[]): void {
  if (ids.length === 0 || ids.length > MAX_IDS_A_FRAME) {
    throw invalidField(field, `${ids.length} ids; 1 to ${MAX_IDS_A_FRAME} may be given`);
  }
  const wrong = ids.findIndex((id) => !isIdentifier(id));
  if (wrong >= 0) throw invalidField(`${field}[${wrong}]`, `a user id is ${IDENTIFIER_GRAMMAR}`);
}
