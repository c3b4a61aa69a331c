/** Both subprotocols: what goes out against the generic codec, what comes in and what is said of bad frames. */
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { messageSchema } from '../../gateway/protocol/descriptors.ts';
import { FrameError } from '../../gateway/protocol/frame-error.ts';
import { CODECS, JSON_TEXT, PROTO, SharedFrame } from '../../gateway/protocol/frames.ts';
import type { ServerMessage } from '../../gateway/protocol/server-frames.ts';
import { ClientFrame, ErrorCode, ServerFrame } from '../../gen/edge/v1/frames.ts';
import { Mode, Status } from '../../gen/presence/v1/presence.ts';
import { Activity } from '../../gen/presence/v1/presence_service.ts';

const SERVER_FRAME = messageSchema('edge.v1.ServerFrame');
const oneOf = <T>(values: Record<string, T>) => fc.constantFrom(...Object.values(values));

const userId = fc.stringMatching(/^[A-Za-z0-9_.:@-]{1,128}$/);
const duration = fc.record({
  seconds: fc.bigInt({ min: 0n, max: 86_400n }),
  nanos: fc.integer({ min: 0, max: 999 }).map((ms) => ms * 1_000_000),
});
const presence = fc.record({
  userId,
  status: oneOf(Status),
  lastActive: fc.option(
    fc.date({ min: new Date(1), max: new Date('2200-01-01'), noInvalidDate: true }),
    { nil: undefined },
  ),
  version: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  mode: oneOf(Mode),
});
const message: fc.Arbitrary<ServerMessage> = fc.oneof(
  fc.record({
    $case: fc.constant('welcome' as const),
    value: fc.record({
      sessionId: fc.uuid(),
      userId,
      heartbeatInterval: duration,
      leaseTtl: duration,
      chosen: oneOf(Status),
    }),
  }),
  fc.record({
    $case: fc.constant('snapshot' as const),
    value: fc.record({ presences: fc.array(presence), last: fc.boolean() }),
  }),
  fc.record({
    $case: fc.constant('update' as const),
    value: fc.record({ presences: fc.array(presence, { minLength: 1 }) }),
  }),
  fc.record({
    $case: fc.constant('removed' as const),
    value: fc.record({ userIds: fc.array(userId) }),
  }),
  fc.record({ $case: fc.constant('ack' as const), value: fc.constant({}) }),
  fc.record({
    $case: fc.constant('error' as const),
    value: fc.record({ code: oneOf(ErrorCode), message: fc.string({ unit: 'grapheme' }) }),
  }),
  fc.record({
    $case: fc.constant('goingAway' as const),
    value: fc.record({ reconnectAfter: duration }),
  }),
);
const number = fc.oneof(fc.maxSafeNat(), fc.nat({ max: 300 }));

describe('what goes out', () => {
  test('binary is what Protobuf makes of it, whatever the number', () => {
    fc.assert(
      fc.property(message, number, (frame, n) => {
        const stamped = PROTO.stamp(PROTO.encode(frame), n);
        expect(ServerFrame.decode(stamped)).toEqual(
          ServerFrame.decode(ServerFrame.encode({ n: BigInt(n), frame }).finish()),
        );
      }),
    );
  });

  test('JSON is what proto3 JSON makes of it, whatever the number', () => {
    fc.assert(
      fc.property(message, number, (frame, n) => {
        const text = Buffer.from(JSON_TEXT.stamp(JSON_TEXT.encode(frame), n)).toString();
        const bytes = ServerFrame.encode({ n: BigInt(n), frame }).finish();
        expect(JSON.parse(text)).toEqual(toJson(SERVER_FRAME, fromBinary(SERVER_FRAME, bytes)));
      }),
    );
  });

  test('one frame is stamped for many, one after the other', () => {
    fc.assert(
      fc.property(message, fc.array(number, { minLength: 1 }), (frame, numbers) => {
        const shared = new SharedFrame(frame);
        for (const codec of CODECS) {
          for (const n of numbers) {
            const expected = Buffer.from(codec.stamp(codec.encode(frame), n));
            expect(Buffer.from(codec.stamp(shared.in(codec), n))).toEqual(expected);
          }
        }
      }),
    );
  });

  test('the JSON of an update reads as documented', () => {
    const bob = {
      userId: 'bob',
      status: Status.STATUS_ONLINE,
      lastActive: new Date('2026-01-01T00:00:00.123Z'),
      version: 1_700_000_000_123n,
      mode: Mode.MODE_PUSH,
    };
    const update = JSON_TEXT.encode({ $case: 'update', value: { presences: [bob] } });
    expect(Buffer.from(JSON_TEXT.stamp(update, 5)).toString()).toBe(
      '{"n":"5","update":{"presences":[{"userId":"bob","status":"STATUS_ONLINE",' +
        '"lastActive":"2026-01-01T00:00:00.123Z","version":"1700000000123","mode":"MODE_PUSH"}]}}',
    );
  });
});

const heartbeat = (activity: Activity): Uint8Array =>
  ClientFrame.encode({ frame: { $case: 'heartbeat', value: { activity } } }).finish();

describe('heartbeats', () => {
  test.each([
    [PROTO, heartbeat(Activity.ACTIVITY_UNSPECIFIED), Activity.ACTIVITY_ACTIVE],
    [PROTO, heartbeat(Activity.ACTIVITY_ACTIVE), Activity.ACTIVITY_ACTIVE],
    [PROTO, heartbeat(Activity.ACTIVITY_IDLE), Activity.ACTIVITY_IDLE],
    [PROTO, heartbeat(9 as Activity), undefined],
    [PROTO, new Uint8Array([]), undefined],
    [JSON_TEXT, Buffer.from('{"heartbeat":{}}'), Activity.ACTIVITY_ACTIVE],
    [JSON_TEXT, Buffer.from('{"heartbeat":{"activity":"ACTIVITY_IDLE"}}'), Activity.ACTIVITY_IDLE],
    [JSON_TEXT, Buffer.from('{"heartbeat":{ }}'), undefined],
    [JSON_TEXT, Buffer.from('{"heartbeat":[]}'), undefined],
  ])('%#: is read at a glance, or left to the decoder', (codec, bytes, activity) => {
    expect(codec.readHeartbeat(bytes)).toBe(activity);
  });

  test('the glance never contradicts the decoder', () => {
    fc.assert(
      fc.property(fc.constantFrom(...CODECS), fc.uint8Array({ maxLength: 48 }), (codec, bytes) => {
        const activity = codec.readHeartbeat(bytes);
        if (activity === undefined) return;
        const decoded = codec.decode(bytes);
        expect(decoded.$case).toBe('heartbeat');
      }),
    );
  });
});

function refusalOf(decode: () => unknown): FrameError {
  try {
    decode();
  } catch (error) {
    if (error instanceof FrameError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('what comes in', () => {
  test.each([
    ['{"setStatus":{"status":"STATUS_BUSY"}}', { $case: 'setStatus', value: { status: 3 } }],
    ['{"set_status":{"status":3}}', { $case: 'setStatus', value: { status: 3 } }],
    ['{"setStatus":{}}', { $case: 'setStatus', value: { status: 0 } }],
    ['{"heartbeat":{ }}', { $case: 'heartbeat', value: { activity: 1 } }],
    ['{"watch":{"user_ids":["a","b"]}}', { $case: 'watch', value: { userIds: ['a', 'b'] } }],
    ['{"unwatch":{"userIds":["a"]}}', { $case: 'unwatch', value: { userIds: ['a'] } }],
    ['{"resync":{}}', { $case: 'resync', value: {} }],
    ['{"logout":{}}', { $case: 'logout', value: {} }],
  ])('%s is understood, and the same in binary', (text, expected) => {
    const decoded = JSON_TEXT.decode(Buffer.from(text));
    expect(decoded).toEqual(expected);
    expect(PROTO.decode(ClientFrame.encode({ frame: decoded }).finish())).toEqual(expected);
  });

  test.each([
    ['nope', ErrorCode.ERROR_CODE_BAD_FRAME, ['{"heartbeat":{}}']],
    ['[]', ErrorCode.ERROR_CODE_BAD_FRAME, ['one JSON object']],
    ['{}', ErrorCode.ERROR_CODE_BAD_FRAME, ['empty', 'heartbeat', 'logout']],
    ['{"hello":{}}', ErrorCode.ERROR_CODE_BAD_FRAME, ['"hello"', 'setStatus', 'resync']],
    ['{"heartbeat":{},"logout":{}}', ErrorCode.ERROR_CODE_BAD_FRAME, ['heartbeat and logout']],
    ['{"setStatus":{"state":1}}', ErrorCode.ERROR_CODE_BAD_FRAME, ['"state"', 'it has status']],
    ['{"setStatus":{"status":"BUSY"}}', ErrorCode.ERROR_CODE_BAD_FRAME, ['"BUSY"', 'STATUS_BUSY']],
    [
      '{"setStatus":{"status":"STATUS_OFFLINE"}}',
      ErrorCode.ERROR_CODE_INVALID_ARGUMENT,
      ['setStatus.status', 'STATUS_OFFLINE', 'STATUS_INVISIBLE'],
    ],
    ['{"setStatus":{"status":77}}', ErrorCode.ERROR_CODE_INVALID_ARGUMENT, ['77', 'STATUS_AWAY']],
    ['{"heartbeat":{"activity":9}}', ErrorCode.ERROR_CODE_INVALID_ARGUMENT, ['9', 'ACTIVITY_IDLE']],
    ['{"watch":{}}', ErrorCode.ERROR_CODE_INVALID_ARGUMENT, ['watch.userIds', '1 to 100']],
    ['{"watch":{"userIds":["a","b c"]}}', ErrorCode.ERROR_CODE_INVALID_ARGUMENT, ['userIds[1]']],
  ])('%s is refused in words', (text, code, words) => {
    const refusal = refusalOf(() => JSON_TEXT.decode(Buffer.from(text)));
    expect(refusal.code).toBe(code);
    for (const word of words) expect(refusal.message).toContain(word);
  });

  test.each([
    ['nothing', [], ['empty']],
    ['an unknown member', [0x4a, 0x00], ['field 9', 'heartbeat']],
    ['two members', [0x0a, 0x00, 0x32, 0x00], ['heartbeat and logout']],
    ['a member cut short', [0x12, 0x05, 0x08], ['Protobuf']],
    ['noise', [0xff, 0xff, 0xff], ['Protobuf']],
  ])('binary with %s is refused in words', (_name, bytes, words) => {
    const refusal = refusalOf(() => PROTO.decode(new Uint8Array(bytes)));
    expect(refusal.code).toBe(ErrorCode.ERROR_CODE_BAD_FRAME);
    for (const word of words) expect(refusal.message).toContain(word);
  });

  test('whatever comes is understood or refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.constantFrom(...CODECS), fc.uint8Array(), (codec, bytes) => {
        try {
          codec.decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
