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
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import { eventually } from '../support/eventually.ts';

const TOPIC = 'presence-transitions';
const SPEC = { partitions: 4, replication: 1, retentionMs: 60_000, segmentMs: 60_000 };
const leases = { leaseTtlMs: 30_000, closeGraceMs: 5000 };

let disposer: Disposer;
let bus: MessageBus;
let client: PresenceServiceClient;

async function serve(withBus: boolean): Promise<void> {
  const store = disposer.add(createMemoryPresenceStore({ clock, shardCount: 4, ...leases }));
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
  bus = disposer.add(createMemoryBus({ clock }));
  await bus.ensureTopic(TOPIC, SPEC);
});
afterEach(async () => disposer[Symbol.asyncDispose]());

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

test.each([
  ['a cursor that is none', { cursor: 'x' }, status.INVALID_ARGUMENT, 'cursor: is none of ours'],
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
