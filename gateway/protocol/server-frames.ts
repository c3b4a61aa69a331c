/**
 * Frames to clients. A frame that goes to many sockets is encoded once a subprotocol; only the running number `n`
 * differs. It is written into room kept free in front of the rest, so that a delivery copies and allocates nothing.
 */
import { fromBinary, toJsonString } from '@bufbuild/protobuf';
import { ServerFrame } from '../../gen/edge/v1/frames.ts';
import { messageSchema } from './descriptors.ts';

/** What the gateway tells a client: exactly one member. */
export type ServerMessage = NonNullable<ServerFrame['frame']>;

/** A frame without its `n`, behind HEADROOM free bytes. */
export interface EncodedFrame {
  readonly event: ServerMessage['$case'];
  readonly bytes: Uint8Array;
}

/** Enough for `{"n":"9007199254740991"`. */
const HEADROOM = 24;
const SERVER_FRAME = messageSchema('edge.v1.ServerFrame');

export function encodeProto(frame: ServerMessage): EncodedFrame {
  return behindHeadroom(frame.$case, withoutNumber(frame));
}

/** Proto3 JSON; a comma takes the place of the brace, since `n` goes before. */
export function encodeJson(frame: ServerMessage): EncodedFrame {
  const json = toJsonString(SERVER_FRAME, fromBinary(SERVER_FRAME, withoutNumber(frame)));
  return behindHeadroom(frame.$case, Buffer.from(json));
}

const withoutNumber = (frame: ServerMessage): Uint8Array =>
  ServerFrame.encode({ n: 0n, frame }).finish();

function behindHeadroom(event: ServerMessage['$case'], tail: Uint8Array): EncodedFrame {
  const bytes = new Uint8Array(HEADROOM + tail.length);
  bytes.set(tail, HEADROOM);
  return { event, bytes };
}

const FIELD_N = 0x08;

/** The whole frame with its number. Valid until the next stamp of the same frame. */
export function stampProto({ bytes }: EncodedFrame, n: number): Uint8Array {
  if (n === 0) return bytes.subarray(HEADROOM);
  let start = HEADROOM - varintLength(n);
  let rest = n;
  for (let at = start; at < HEADROOM; at++) {
    const isLast = at === HEADROOM - 1;
    bytes[at] = (rest % 128) | (isLast ? 0 : 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes[--start] = FIELD_N;
  return bytes.subarray(start);
}

function varintLength(n: number): number {
  let length = 1;
  for (let rest = n; rest >= 128; rest = Math.floor(rest / 128)) length++;
  return length;
}

const OPENING = Buffer.from('{"n":"');
const BRACE = 0x7b;
const COMMA = 0x2c;
const QUOTE = 0x22;
const ZERO = 0x30;

/** The whole frame with its number. Valid until the next stamp of the same frame. */
export function stampJson({ bytes }: EncodedFrame, n: number): Uint8Array {
  bytes[HEADROOM] = n === 0 ? BRACE : COMMA;
  if (n === 0) return bytes.subarray(HEADROOM);
  let at = HEADROOM;
  bytes[--at] = QUOTE;
  for (let rest = n; rest > 0; rest = Math.floor(rest / 10)) bytes[--at] = ZERO + (rest % 10);
  at -= OPENING.length;
  bytes.set(OPENING, at);
  return bytes.subarray(at);
}
