import { expect, test } from '@jest/globals';
import {
  createMessageParser,
  encodeMessage,
  type SocketMessage,
} from '../../bench/support/socket-frames.ts';

const CLOSE_4002 = Buffer.from([0x88, 2, 0x0f, 0xa2]);

function dataFrame(bytes: number): Buffer {
  const payload = Buffer.alloc(bytes, 7);
  if (bytes <= 125) return Buffer.concat([Buffer.from([0x82, bytes]), payload]);
  const head = Buffer.alloc(bytes <= 65_535 ? 4 : 10);
  head[0] = 0x82;
  head[1] = bytes <= 65_535 ? 126 : 127;
  if (bytes <= 65_535) head.writeUInt16BE(bytes, 2);
  else head.writeBigUInt64BE(BigInt(bytes), 2);
  return Buffer.concat([head, payload]);
}

test.each([1, 3, 1000, 100_000])('messages survive being cut every %i bytes', (size) => {
  const stream = Buffer.concat([...[0, 125, 126, 65_535, 65_536].map(dataFrame), CLOSE_4002]);
  const seen: (number | string)[] = [];
  const parse = createMessageParser((message: SocketMessage) => {
    seen.push(message.kind === 'close' ? `close ${message.code}` : message.payload.length);
  });
  for (let at = 0; at < stream.length; at += size) parse(stream.subarray(at, at + size));
  expect(seen).toEqual([0, 125, 126, 65_535, 65_536, 'close 4002']);
});

test('what is encoded is a masked binary frame', () => {
  const frame = encodeMessage(Buffer.from('hello'));
  const mask = frame.subarray(2, 6);
  const payload = frame.subarray(6).map((byte, i) => byte ^ mask[i % 4]!);
  expect([...frame.subarray(0, 2)]).toEqual([0x82, 0x85]);
  expect(Buffer.from(payload).toString()).toBe('hello');
});
