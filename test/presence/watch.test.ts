import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { credentials, status, type ClientReadableStream } from '@grpc/grpc-js';
import {
  PresenceServiceClient,
  type WatchPresenceRequest,
  type WatchPresenceResponse,
} from '../../gen/presence/v1/presence_service.ts';
import { Transition } from '../../gen/presence/v1/transition.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { createGrpcServer } from '../../lib/grpc/server.ts';
import type { MessageBus } from '../../lib/kafka/bus.ts';
import { createMemoryBus } from '../../lib/kafka/memory-bus.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { createLogger } from '../../lib/logger.ts';
import { createPresence } from '../../presence/app.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import { eventually } from '../support/eventually.ts';

const TOPIC = 'presence-transitions';
const SPEC = { partitions: 4, replication: 1, retentionMs: 60_000, segmentMs: 60_000 };
const leases = { leaseTtlMs: 30_000, closeGraceMs: 5000 };

let disposer: Disposer;
let bus: MessageBus;
let openReaders: () => number;
let client: PresenceServiceClient;
let store: PresenceStore;

async function serve(withBus: boolean): Promise<void> {
  store = disposer.add(createMemoryPresenceStore({ clock, shardCount: 4, ...leases }));
  const logger = createLogger('test', 'silent');
  const part = disposer.add(
    createPresence({ clock, logger, store, ...leases, ...(withBus && { bus }) }),
  );
  const { services } = part;
  const host = '127.0.0.1';
  const server = disposer.add(
    await createGrpcServer({ services, host, port: 0, drainMs: 0, clock }),
  );
  client = new PresenceServiceClient(`${host}:${server.port}`, credentials.createInsecure());
  disposer.defer(() => client.close());
}

beforeEach(async () => {
  disposer = createDisposer();
  const watched = countingReaders(disposer.add(createMemoryBus({ clock })));
  ({ bus, openReaders } = watched);
  await bus.ensureTopic(TOPIC, SPEC);
});
afterEach(async () => disposer[Symbol.asyncDispose]());

const BEGINNING = '0:0,1:0,2:0,3:0';
const NOBODYS = Transition.fromPartial({ version: 1n });

/** The bus, and how many readers of it are not closed, or not yet. */
function countingReaders(bus: MessageBus): { bus: MessageBus; openReaders: () => number } {
  let open = 0;
  const read: MessageBus['read'] = async (topic, options) => {
    const reader = await bus.read(topic, options);
    open++;
    const close = async (): Promise<void> => {
      await reader[Symbol.asyncDispose]();
      open--;
    };
    return { start: reader.start, [Symbol.asyncDispose]: close };
  };
  return { bus: { ...bus, read }, openReaders: () => open };
}

interface Following {
  readonly call: ClientReadableStream<WatchPresenceResponse>;
  readonly responses: WatchPresenceResponse[];
  readonly failures: { code: status; details: string }[];
}

function follow(request: Partial<WatchPresenceRequest> = {}): Following {
  const call = client.watchPresence({ cursor: '', userIds: [], ...request });
  const following: Following = { call, responses: [], failures: [] };
  call.on('data', (response: WatchPresenceResponse) => following.responses.push(response));
  call.on('error', (error) => following.failures.push(error as never));
  disposer.defer(() => call.cancel());
  return following;
}

const change = (userId: string, version: number) =>
  bus.send(TOPIC, [
    {
      key: userId,
      value: Transition.encode(
        Transition.fromPartial({ userId, version: BigInt(version) }),
      ).finish(),
    },
  ]);

const seen = ({ responses }: Following): string[] =>
  responses.flatMap(({ transition }) =>
    transition ? [`${transition.userId} ${transition.version}`] : [],
  );

test('follows from now on, in order for each user, and goes on from any cursor', async () => {
  await serve(true);
  await change('alice', 1);
  const first = follow();
  await eventually(() => expect(first.responses).toHaveLength(1));
  for (let version = 2; version <= 6; version++) await change('alice', version);
  await eventually(() => expect(seen(first)).toEqual([2, 3, 4, 5, 6].map((v) => `alice ${v}`)));
  const third = first.responses.find(({ transition }) => transition?.version === 4n);
  first.call.cancel();
  const second = follow({ cursor: third!.cursor });
  await eventually(() => expect(seen(second)).toEqual(['alice 5', 'alice 6']));
});

test('only the users asked for', async () => {
  await serve(true);
  const following = follow({ userIds: ['bob'] });
  await eventually(() => expect(following.responses).toHaveLength(1));
  await change('alice', 1);
  await change('bob', 2);
  await eventually(() => expect(seen(following)).toEqual(['bob 2']));
});

test('a caller who leaves in the midst of it leaves no reader behind', async () => {
  await serve(true);
  for (let version = 1; version <= 200; version++) await change('alice', version);
  const followings = Array.from({ length: 5 }, () => follow({ cursor: BEGINNING }));
  for (const following of followings) {
    following.call.on('data', () => seen(following).length > 3 && following.call.cancel());
  }
  for (const { failures } of followings) await eventually(() => expect(failures).toHaveLength(1));
  await eventually(() => expect(openReaders()).toBe(0));
});

test.each([
  ['no message at all', Buffer.from('garbage')],
  ['nothing', new Uint8Array()],
  ['one of somebody who can be none', Transition.encode({ ...NOBODYS, userId: 'a b' }).finish()],
  // last_active: 2^62 seconds
  ['one with an impossible time', Buffer.from('0a0161220a08808080808080808040', 'hex')],
])('passes over a record that is %s', async (_, value) => {
  await serve(true);
  const first = follow();
  await eventually(() => expect(first.responses).toHaveLength(1));
  await change('alice', 1);
  await bus.send(TOPIC, [{ key: 'alice', value }]);
  await change('alice', 2);
  await eventually(() => expect(seen(first)).toEqual(['alice 1', 'alice 2']));
  const resumed = follow({ cursor: first.responses.at(1)!.cursor });
  await eventually(() => expect(seen(resumed)).toEqual(['alice 2']));
});

test('partitions that were added since the cursor begin at their oldest', async () => {
  await serve(true);
  for (const userId of ['alice', 'bob', 'carol', 'dave']) await change(userId, 1);
  const following = follow({ cursor: '0:0,1:0' });
  await eventually(() => expect(seen(following)).toHaveLength(4));
});

/** Those a fence was told of, in order of the responses. */
const fenced = ({ responses }: Following): string[][] =>
  responses.flatMap(({ fence }) => (fence ? [fence.userIds] : []));
const fence = (userId: string) => store.fence(store.shardOf(userId), { truncate: false });
/** One user of each shard. */
function strangers(): string[] {
  const users = new Map<number, string>();
  for (let i = 0; users.size < store.shardCount; i++)
    users.set(store.shardOf(`user-${i}`), `user-${i}`);
  return [...users.values()];
}

test('a fence is told at once, with those whom it concerns', async () => {
  await serve(true);
  const [one = '', other = ''] = strangers();
  const all = follow();
  const both = follow({ userIds: [one, other] });
  const single = follow({ userIds: [one] });
  for (const following of [all, both, single])
    await eventually(() => expect(following.responses).toHaveLength(1));
  await fence(other);
  await eventually(() => expect(fenced(both)).toEqual([[other]]));
  await eventually(() => expect(fenced(all)).toEqual([[]]));
  await fence(one);
  await eventually(() => expect(fenced(both)).toEqual([[other], [one]]));
  await eventually(() => expect(fenced(single)).toEqual([[one]]));
  await change(one, 1);
  await eventually(() => expect(seen(single)).toEqual([`${one} 1`]));
});

test('a fence while the caller was away is told when the stream begins, until it is handled', async () => {
  await serve(true);
  const [one = '', other = ''] = strangers();
  const first = follow({ userIds: [one] });
  await eventually(() => expect(first.responses).toHaveLength(1));
  await change(one, 1);
  await eventually(() => expect(seen(first)).toHaveLength(1));
  const { cursor } = first.responses.at(-1)!;
  first.call.cancel();
  const witness = follow();
  await eventually(() => expect(witness.responses).toHaveLength(1));
  await fence(other);
  await eventually(() => expect(fenced(witness)).toEqual([[]]));
  const second = follow({ userIds: [one], cursor });
  // The first response does not say that it was handled, the fence's does.
  await eventually(() => expect(fenced(second)).toEqual([[one]]));
  const [stands, told] = second.responses;
  expect(stands!.fence).toBeUndefined();
  expect(stands!.cursor).toBe(cursor);
  expect(told!.cursor).not.toBe(cursor);
  const third = follow({ userIds: [one], cursor: told!.cursor });
  await eventually(() => expect(third.responses).toHaveLength(1));
  await change(one, 2);
  await eventually(() => expect(seen(third)).toEqual([`${one} 2`]));
  expect(fenced(third)).toEqual([]);
});

test('a cursor from before fences were in it is met with one', async () => {
  await serve(true);
  const { responses } = follow();
  await eventually(() => expect(responses).toHaveLength(1));
  const [old = ''] = responses[0]!.cursor.split(';');
  const resumed = follow({ cursor: old });
  await eventually(() => expect(fenced(resumed)).toEqual([[]]));
});

test.each([
  ['a cursor that is none', { cursor: 'x' }, status.INVALID_ARGUMENT, 'cursor: is none of ours'],
  [
    'a cursor with a hole',
    { cursor: '0:0,2:0' },
    status.INVALID_ARGUMENT,
    'cursor: is none of ours',
  ],
  [
    'one of no partition',
    { cursor: '99999:0' },
    status.INVALID_ARGUMENT,
    'cursor: is none of ours',
  ],
  ['a partition twice', { cursor: '0:0,0:1' }, status.INVALID_ARGUMENT, 'cursor: is none of ours'],
  [
    'one of a topic with more partitions',
    { cursor: '0:0,1:0,2:0,3:0,4:0' },
    status.OUT_OF_RANGE,
    'has no partition 4; look the users up',
  ],
  ['a cursor beyond the topic', { cursor: '0:99' }, status.OUT_OF_RANGE, 'begin without a cursor'],
  ['a bad user id', { userIds: ['a b'] }, status.INVALID_ARGUMENT, 'user_ids[0]: '],
])('refuses %s', async (_, request, code, words) => {
  await serve(true);
  const { failures } = follow(request);
  await eventually(() => expect(failures).toHaveLength(1));
  expect(failures[0]!.code).toBe(code);
  expect(failures[0]!.details).toContain(words);
});

test('without Kafka it says what to set', async () => {
  await serve(false);
  const { failures } = follow();
  await eventually(() => expect(failures[0]?.code).toBe(status.FAILED_PRECONDITION));
  expect(failures[0]!.details).toContain('MESH_KAFKA_BROKERS');
});
