/** Client side of RFC 6455, as little as a load generator needs: small unfragmented messages, whole and cheap. */

const FIN_BINARY = 0x82;
const FIN_PONG = 0x8a;
const MASKED = 0x80;
/** Any mask will do; the server takes it off all the same. */
const MASK = Buffer.from([0x5a, 0xc3, 0x17, 0x88]);
const OPCODE = 0x0f;
const OPCODE_CLOSE = 8;
const OPCODE_PING = 9;
const LENGTH = 0x7f;
const MAX_SMALL = 125;

export type SocketMessage =
  | { readonly kind: 'data' | 'ping'; readonly payload: Buffer }
  | { readonly kind: 'close'; readonly code: number };

/** A client's binary message of up to 125 bytes, ready to be written as often as one likes. */
export function encodeMessage(payload: Uint8Array): Buffer {
  return encodeFrame(FIN_BINARY, payload);
}

export function encodePong(payload: Uint8Array): Buffer {
  return encodeFrame(FIN_PONG, payload);
}

function encodeFrame(head: number, payload: Uint8Array): Buffer {
  if (payload.length > MAX_SMALL) throw new RangeError(`${payload.length} bytes do not fit`);
  const masked = payload.map((byte, i) => byte ^ MASK[i % 4]!);
  return Buffer.concat([Buffer.from([head, MASKED | payload.length]), MASK, masked]);
}

/** Cuts a server's byte stream into messages. A payload is a view: it is the caller's for the call only. */
export function createMessageParser(
  onMessage: (message: SocketMessage) => void,
): (chunk: Buffer) => void {
  let rest: Buffer | undefined;
  return (chunk) => {
    const bytes = rest ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    for (;;) {
      const end = endOfFrame(bytes, at);
      if (end === undefined) break;
      onMessage(toMessage(bytes[at]! & OPCODE, bytes.subarray(at + headBytes(bytes, at), end)));
      at = end;
    }
    rest = at < bytes.length ? bytes.subarray(at) : undefined;
  };
}

function headBytes(bytes: Buffer, at: number): number {
  const length = bytes[at + 1]! & LENGTH;
  return length <= MAX_SMALL ? 2 : length === 126 ? 4 : 10;
}

/** Where the frame that begins at `at` ends, or undefined while it is not all there. */
function endOfFrame(bytes: Buffer, at: number): number | undefined {
  if (bytes.length < at + 2) return undefined;
  const head = headBytes(bytes, at);
  if (bytes.length < at + head) return undefined;
  const end = at + head + payloadBytes(bytes, at, head);
  return end <= bytes.length ? end : undefined;
}

function payloadBytes(bytes: Buffer, at: number, head: number): number {
  if (head === 2) return bytes[at + 1]! & LENGTH;
  return head === 4 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
}

function toMessage(opcode: number, payload: Buffer): SocketMessage {
  if (opcode === OPCODE_PING) return { kind: 'ping', payload };
  if (opcode !== OPCODE_CLOSE) return { kind: 'data', payload };
  return { kind: 'close', code: payload.length >= 2 ? payload.readUInt16BE(0) : 1005 };
}
