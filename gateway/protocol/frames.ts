/** The two subprotocols, each as one object. */
import { Activity } from '../../gen/presence/v1/presence_service.ts';
import { decodeJson, decodeProto, type ClientMessage } from './client-frames.ts';
import {
  encodeJson,
  encodeProto,
  stampJson,
  stampProto,
  type EncodedFrame,
  type ServerMessage,
} from './server-frames.ts';

export interface FrameCodec {
  readonly subprotocol: string;
  /** WebSocket opcode of its messages: binary or text. */
  readonly isBinary: boolean;
  /**
   * Activity of the frame if it is a heartbeat in one of its usual spellings, else undefined: then `decode` it. Nearly
   * every frame is one, and this reads it without making anything.
   */
  readonly readHeartbeat: (bytes: Uint8Array) => Activity | undefined;
  /** @throws FrameError */
  readonly decode: (bytes: Uint8Array) => ClientMessage;
  readonly encode: (frame: ServerMessage) => EncodedFrame;
  /** Puts the running number in. The bytes are valid until the same frame is stamped again. */
  readonly stamp: (frame: EncodedFrame, n: number) => Uint8Array;
  /** The whole answer to a heartbeat, with the number of the last frame; not to be changed. */
  readonly ack: (n: number) => Uint8Array;
}

const ACK: ServerMessage = { $case: 'ack', value: {} };

/** Most connections are sent few frames: acks with these numbers are made once for all of them. */
const MAX_KEPT_ACKS = 1024;

function createAcks(
  frame: EncodedFrame,
  stamp: (frame: EncodedFrame, n: number) => Uint8Array,
): (n: number) => Uint8Array {
  const kept: Uint8Array[] = [];
  return (n) =>
    kept[n] ?? (n < MAX_KEPT_ACKS ? (kept[n] = stamp(frame, n).slice()) : stamp(frame, n));
}

export const PROTO: FrameCodec = {
  subprotocol: 'presence.v1+proto',
  isBinary: true,
  readHeartbeat: readProtoHeartbeat,
  decode: decodeProto,
  encode: encodeProto,
  stamp: stampProto,
  ack: createAcks(encodeProto(ACK), stampProto),
};

export const JSON_TEXT: FrameCodec = {
  subprotocol: 'presence.v1+json',
  isBinary: false,
  readHeartbeat: readJsonHeartbeat,
  decode: decodeJson,
  encode: encodeJson,
  stamp: stampJson,
  ack: createAcks(encodeJson(ACK), stampJson),
};

export const CODECS: readonly FrameCodec[] = [PROTO, JSON_TEXT];

/** `0a 00`, or `0a 02 08 xx` with an activity. */
function readProtoHeartbeat(bytes: Uint8Array): Activity | undefined {
  if (bytes[0] !== 0x0a) return undefined;
  if (bytes.length === 2 && bytes[1] === 0) return Activity.ACTIVITY_ACTIVE;
  if (bytes.length !== 4 || bytes[1] !== 2 || bytes[2] !== 8) return undefined;
  if (bytes[3] === Activity.ACTIVITY_ACTIVE) return Activity.ACTIVITY_ACTIVE;
  return bytes[3] === Activity.ACTIVITY_IDLE ? Activity.ACTIVITY_IDLE : undefined;
}

const SPELLINGS: readonly (readonly [Buffer, Activity])[] = [
  [Buffer.from('{"heartbeat":{}}'), Activity.ACTIVITY_ACTIVE],
  [Buffer.from('{"heartbeat":{"activity":"ACTIVITY_ACTIVE"}}'), Activity.ACTIVITY_ACTIVE],
  [Buffer.from('{"heartbeat":{"activity":"ACTIVITY_IDLE"}}'), Activity.ACTIVITY_IDLE],
];

function readJsonHeartbeat(bytes: Uint8Array): Activity | undefined {
  for (const [spelling, activity] of SPELLINGS) {
    if (bytes.length === spelling.length && isSame(bytes, spelling)) return activity;
  }
  return undefined;
}

/** For a few bytes cheaper than a call out of JavaScript. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** One frame for many connections: encoded at most once a subprotocol, and only when somebody speaks it. */
export class SharedFrame {
  readonly #frame: ServerMessage;
  #proto: EncodedFrame | undefined;
  #json: EncodedFrame | undefined;

  constructor(frame: ServerMessage) {
    this.#frame = frame;
  }

  in(codec: FrameCodec): EncodedFrame {
    return codec.isBinary
      ? (this.#proto ??= codec.encode(this.#frame))
      : (this.#json ??= codec.encode(this.#frame));
  }
}
