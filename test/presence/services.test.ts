import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { credentials, status } from '@grpc/grpc-js';
import {
  Activity,
  BeatResult,
  PresenceServiceClient,
  type StreamHeartbeatsRequest,
  type StreamHeartbeatsResponse,
} from '../../gen/presence/v1/presence_service.ts';
import { Status } from '../../gen/presence/v1/presence.ts';
import {
  CloseReason,
  ConnectionRegistryServiceClient,
  type RegisterSessionRequest,
} from '../../gen/registry/v1/registry_service.ts';
import { systemClock } from '../../lib/clock.ts';
import { RpcError } from '../../lib/errors.ts';
import { createClientPool, type ClientPool } from '../../lib/grpc/client.ts';
import { createGrpcServer } from '../../lib/grpc/server.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { createLogger } from '../../lib/logger.ts';
import { createPresence, type PresencePart } from '../../presence/app.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { openPresence, patient } from '../support/clients.ts';
import { eventually } from '../support/eventually.ts';
import { sweep } from '../support/presence-store.ts';
import { createSteadyClock, type SteadyClock } from '../support/steady-clock.ts';

const LEASE_TTL_MS = 30_000;
const CLOSE_GRACE_MS = 5000;

/** Of presence and its store. */
let clock: SteadyClock;
let disposer: Disposer;
let store: PresenceStore;
let part: PresencePart;
let address: string;
let presence: ClientPool<PresenceServiceClient>;
let registry: ClientPool<ConnectionRegistryServiceClient>;

beforeEach(async () => {
  clock = createSteadyClock();
  disposer = createDisposer();
  const logger = createLogger('test', 'silent');
  store = disposer.add(
    createMemoryPresenceStore({ clock, shardCount: 4, leaseTtlMs: LEASE_TTL_MS }),
  );
  part = disposer.add(
    createPresence({
      clock,
      logger,
      store,
      leaseTtlMs: LEASE_TTL_MS,
      closeGraceMs: CLOSE_GRACE_MS,
    }),
  );
  const { services } = part;
  const host = '127.0.0.1';
  const server = disposer.add(
    await createGrpcServer({ services, host, port: 0, drainMs: 0, clock: systemClock }),
  );
  address = `${host}:${server.port}`;
  presence = openPresence(address);
  registry = patient(
    createClientPool({
      ...{ service: ConnectionRegistryServiceClient, name: 'registry', addresses: [address] },
      clock: systemClock,
    }),
  );
  disposer.defer(() => presence[Symbol.dispose]());
  disposer.defer(() => registry[Symbol.dispose]());
});

afterEach(async () => {
  await disposer[Symbol.asyncDispose]();
  clock[Symbol.dispose]();
});

const session = (overrides: Partial<RegisterSessionRequest> = {}): RegisterSessionRequest => ({
  userId: 'alice',
  sessionId: 'session-1',
  gatewayId: 'gateway-1',
  device: 'phone',
  activity: Activity.ACTIVITY_ACTIVE,
  epoch: 0,
  beatAgeMs: 0,
  choice: undefined,
  ...overrides,
});

const register = (overrides?: Partial<RegisterSessionRequest>) =>
  registry.unary((client) => client.registerSession, session(overrides));

const choose = (chosen: Status) =>
  presence.unary((client) => client.setStatus, {
    userId: 'alice',
    change: { $case: 'chosen', value: chosen },
  });

const look = async (...userIds: string[]) =>
  (await presence.unary((client) => client.getPresence, { userIds })).presences;

async function refusal(call: Promise<unknown>): Promise<RpcError> {
  const failure = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(RpcError);
  return failure as RpcError;
}

describe('a session', () => {
  test('registered makes its user ONLINE, with a version and the time of the heartbeat', async () => {
    const before = clock.now();
    const reply = await register({ beatAgeMs: 1000 });
    expect(reply.presence?.status).toBe(Status.STATUS_ONLINE);
    expect(reply.shard).toBe(store.shardOf('alice'));
    expect(reply.leaseTtl).toEqual({ seconds: 30n, nanos: 0 });
    const [seen] = await look('alice');
    expect(seen).toEqual(reply.presence);
    expect(Number(seen?.version)).toBeGreaterThanOrEqual(before);
    expect(seen?.lastActive?.getTime()).toBeLessThanOrEqual(clock.now() - 1000);
  });

  test('closed lives on for the grace and routes no more; logged out it is gone', async () => {
    await register();
    const close = (reason: CloseReason) =>
      registry.unary((client) => client.closeSession, {
        userId: 'alice',
        sessionId: 'session-1',
        reason,
      });
    const closing = await close(CloseReason.CLOSE_REASON_DISCONNECTED);
    expect(closing.presence?.status).toBe(Status.STATUS_ONLINE);
    const { sessions } = await registry.unary((client) => client.listSessions, { userId: 'alice' });
    expect(sessions[0]?.closing).toBe(true);
    expect(Number(sessions[0]?.remaining?.seconds)).toBeLessThanOrEqual(CLOSE_GRACE_MS / 1000);
    const { routes } = await registry.unary((client) => client.lookupRoutes, {
      userIds: ['alice'],
    });
    expect(routes).toEqual([{ userId: 'alice', gatewayIds: [] }]);
    const gone = await close(CloseReason.CLOSE_REASON_LOGOUT);
    expect(gone.presence?.status).toBe(Status.STATUS_OFFLINE);
  });

  test('closed with the age of its last heartbeat was there until then; logged out, until now', async () => {
    await register({ beatAgeMs: 9000 });
    await register({ sessionId: 'session-2', beatAgeMs: 9000 });
    const close = async (sessionId: string, reason: CloseReason, beatAgeMs?: number) => {
      const before = clock.now();
      const reply = await registry.unary((client) => client.closeSession, {
        ...{ userId: 'alice', sessionId, reason, beatAgeMs },
      });
      const lastActiveMs = reply.presence?.lastActive?.getTime() ?? 0;
      return { agoMs: before - lastActiveMs, untilMs: clock.now() - lastActiveMs };
    };
    const dropped = await close('session-1', CloseReason.CLOSE_REASON_DISCONNECTED, 4000);
    expect(dropped.agoMs).toBeLessThanOrEqual(4000);
    expect(dropped.untilMs).toBeGreaterThanOrEqual(4000);
    const left = await close('session-2', CloseReason.CLOSE_REASON_LOGOUT);
    expect(left.agoMs).toBeLessThanOrEqual(0);
  });

  test('of a device that idles makes the user AWAY, until another one is active', async () => {
    await register();
    const idle = await presence.unary((client) => client.setStatus, {
      userId: 'alice',
      change: {
        $case: 'activity',
        value: { sessionId: 'session-1', activity: Activity.ACTIVITY_IDLE, epoch: 1 },
      },
    });
    expect(idle.presence?.status).toBe(Status.STATUS_AWAY);
    const second = await register({ sessionId: 'session-2' });
    expect(second.presence?.status).toBe(Status.STATUS_ONLINE);
  });
});

test('more sessions than go are refused, until one of them is closing', async () => {
  const ids = Array.from({ length: 64 }, (_, n) => `session-${n}`);
  await Promise.all(ids.map((sessionId) => register({ sessionId })));
  const refused = await refusal(register({ sessionId: 'more' }));
  expect(refused.code).toBe(status.RESOURCE_EXHAUSTED);
  expect(refused.message).toContain('user_id: alice has 64 live sessions');
  await registry.unary((client) => client.closeSession, {
    ...{ userId: 'alice', sessionId: 'session-7' },
    reason: CloseReason.CLOSE_REASON_DISCONNECTED,
  });
  await register({ sessionId: 'more' });
  const { sessions } = await registry.unary((client) => client.listSessions, { userId: 'alice' });
  expect(sessions).toHaveLength(64);
  expect(sessions.map(({ sessionId }) => sessionId)).not.toContain('session-7');
});

describe('a chosen status', () => {
  test('wins over activity; INVISIBLE shows OFFLINE; taken back, activity rules again', async () => {
    await register();
    expect((await choose(Status.STATUS_BUSY)).presence?.status).toBe(Status.STATUS_BUSY);
    const hidden = await choose(Status.STATUS_INVISIBLE);
    expect(hidden.presence?.status).toBe(Status.STATUS_OFFLINE);
    expect(hidden.chosen).toBe(Status.STATUS_INVISIBLE);
    const back = await choose(Status.STATUS_UNSPECIFIED);
    expect(back.presence?.status).toBe(Status.STATUS_ONLINE);
  });
});

describe('a look-up', () => {
  test('answers in the order asked; a user never seen is OFFLINE', async () => {
    await register();
    const answers = await look('nobody', 'alice', 'nobody');
    expect(answers.map(({ userId }) => userId)).toEqual(['nobody', 'alice', 'nobody']);
    expect(answers[0]).toMatchObject({ status: Status.STATUS_OFFLINE, version: 0n });
    expect(answers[0]?.lastActive).toBeUndefined();
  });
});

describe('an announcement', () => {
  test('gives the subject a higher version and is the same thing twice', async () => {
    const { presence: before } = await register();
    const request = {
      subjectUserId: 'alice',
      onlyUserIds: ['bob'],
      graphRevision: 77n,
      renew: false,
      renewPresent: true,
      renewView: false,
    };
    const first = await presence.unary((client) => client.announce, request);
    expect(first.presence?.version).toBeGreaterThan(before?.version ?? 0n);
    await presence.unary((client) => client.announce, request);
    const again = await register();
    expect(again.graphRevision).toBe(77n);
  });
});

describe('who is offline', () => {
  const filterOffline = async (...userIds: string[]) =>
    (await presence.unary((client) => client.filterOffline, { userIds })).presences;

  test('is answered for those of whom nothing waits to be told', async () => {
    await register();
    const [nobody, ...more] = await filterOffline('alice', 'nobody');
    expect(nobody).toMatchObject({ userId: 'nobody', status: Status.STATUS_OFFLINE, version: 0n });
    expect(more).toEqual([]);
    await registry.unary((client) => client.closeSession, {
      ...{ userId: 'alice', sessionId: 'session-1', reason: CloseReason.CLOSE_REASON_LOGOUT },
    });
    expect(await look('alice')).toMatchObject([{ status: Status.STATUS_OFFLINE }]);
    expect(await filterOffline('alice')).toEqual([]);
    const { outbox } = await sweep(store, store.shardOf('alice'));
    await store.ack(
      store.shardOf('alice'),
      outbox.map(({ entryId }) => entryId),
    );
    expect(await filterOffline('alice')).toEqual(await look('alice'));
  });
});

describe('a gateway', () => {
  test('is listed while it keeps its lease', async () => {
    const keep = (release: boolean) =>
      registry.unary((client) => client.keepGateway, { gatewayId: 'gateway-1', release });
    await keep(false);
    const listed = await registry.unary((client) => client.listGateways, {});
    expect(listed.gateways.map(({ gatewayId }) => gatewayId)).toEqual(['gateway-1']);
    await keep(true);
    expect((await registry.unary((client) => client.listGateways, {})).gateways).toEqual([]);
  });

  test('shards are listed, those of nobody too', async () => {
    await registry.unary((client) => client.registerSession, session());
    const shard = store.shardOf('alice');
    await store.sweep({ shard, owner: 'worker', ownerTtlMs: 60_000, limit: 1 });
    const { shards } = await registry.unary((client) => client.listShards, {});
    expect(shards.map((one) => [one.shard, one.ownerWorkerId, one.users])).toEqual(
      [0, 1, 2, 3].map((number) => [number, ...(number === shard ? ['worker', 1] : ['', 0])]),
    );
    expect(shards[shard]).toMatchObject({ outboxLength: 1n, floor: 0n });
    expect(shards[shard]!.ownerRemaining?.seconds).toBeGreaterThan(50n);
    expect(shards[(shard + 1) % 4]!.ownerRemaining).toBeUndefined();
  });
});

describe('a heartbeat stream', () => {
  function open() {
    const client = new PresenceServiceClient(address, credentials.createInsecure());
    const call = client.streamHeartbeats();
    const responses: StreamHeartbeatsResponse[] = [];
    const failures: { code: status; details: string }[] = [];
    call.on('data', (response: StreamHeartbeatsResponse) => responses.push(response));
    call.on('error', (error) => failures.push(error as never));
    disposer.defer(() => {
      call.cancel();
      client.close();
    });
    return { call, responses, failures };
  }
  const batch = (shard: number, ...sessionIds: string[]): StreamHeartbeatsRequest => ({
    batchId: 1n,
    shard,
    beats: sessionIds.map((sessionId) => ({ userId: 'alice', sessionId, ageMs: 0, epoch: 0 })),
  });

  test('extends what lives and names what does not', async () => {
    const { shard } = await register();
    const { call, responses } = open();
    call.write(batch(shard, 'session-1', 'session-9'));
    await eventually(() => {
      expect(responses.find(({ outcome }) => outcome)?.outcome).toEqual({
        batchId: 1n,
        failed: [{ sessionId: 'session-9', result: BeatResult.BEAT_RESULT_UNKNOWN }],
        error: '',
      });
    });
  });

  test('ends when the process stops, so that the gateway beats elsewhere at once', async () => {
    const { call, responses, failures } = open();
    const ended = once(call, 'end');
    await eventually(() => expect(responses.length).toBeGreaterThan(0));
    for (const { onStop } of part.services) onStop?.();
    await ended;
    expect(failures).toEqual([]);
  });

  test('tells a floor that rose', async () => {
    const { responses } = open();
    await eventually(() => expect(responses.length).toBeGreaterThan(0));
    const { floor } = await store.fence(2, { truncate: false });
    await eventually(() => {
      const told = responses.flatMap(({ floors }) => floors).filter(({ shard }) => shard === 2);
      expect(told.at(-1)?.floor).toBe(BigInt(floor));
    });
  });

  test.each([
    ['shard', batch(4, 'session-1')],
    ['beats', batch(0)],
  ])('refuses a bad %s', async (field, request) => {
    const { call, failures } = open();
    call.write(request);
    await eventually(() => {
      expect(failures[0]?.code).toBe(status.INVALID_ARGUMENT);
      expect(failures[0]?.details).toContain(`${field}: `);
    });
  });
});

describe('bad input is refused by the name of the field', () => {
  const tooMany = Array.from({ length: 1001 }, (_, i) => `user-${i}`);
  test.each<[string, () => Promise<unknown>]>([
    ['user_id', () => register({ userId: 'a b' })],
    ['user_id', () => register({ userId: 'x'.repeat(129) })],
    ['session_id', () => register({ sessionId: '' })],
    ['gateway_id', () => register({ gatewayId: 'a/b' })],
    ['device', () => register({ device: 'd'.repeat(65) })],
    ['device', () => register({ device: 'phone\n  forged' })],
    ['activity', () => register({ activity: 9 as Activity })],
    ['choice.status', () => register({ choice: { status: Status.STATUS_OFFLINE, ageMs: 0 } })],
    ['chosen', () => choose(Status.STATUS_OFFLINE)],
    ['chosen', () => choose(42 as Status)],
    ['user_ids', () => look()],
    ['user_ids', () => look(...tooMany)],
    ['user_ids[1]', () => look('alice', '')],
    [
      'change',
      () => presence.unary((client) => client.setStatus, { userId: 'alice', change: undefined }),
    ],
    [
      'graph_revision',
      () =>
        presence.unary((client) => client.announce, {
          subjectUserId: 'alice',
          onlyUserIds: [],
          graphRevision: 2n ** 53n,
          renew: false,
          renewPresent: false,
          renewView: false,
        }),
    ],
    [
      'only_user_ids[0]',
      () =>
        presence.unary((client) => client.announce, {
          subjectUserId: 'alice',
          onlyUserIds: [''],
          graphRevision: 0n,
          renew: false,
          renewPresent: true,
          renewView: false,
        }),
    ],
    [
      'reason',
      () =>
        registry.unary((client) => client.closeSession, {
          userId: 'alice',
          sessionId: 'session-1',
          reason: CloseReason.CLOSE_REASON_UNSPECIFIED,
        }),
    ],
  ])('%s', async (field, call) => {
    const { code, message } = await refusal(call());
    expect(code).toBe(status.INVALID_ARGUMENT);
    expect(message.startsWith(`${field}: `)).toBe(true);
  });

  test.each(['', 'a@b', 'x'.repeat(65)])(
    'the session id %j, by one rule everywhere',
    async (sessionId) => {
      const { CLOSE_REASON_LOGOUT: reason } = CloseReason;
      const activity = { sessionId, activity: Activity.ACTIVITY_IDLE, epoch: 1 };
      const change = { $case: 'activity' as const, value: activity };
      const userId = 'alice';
      const refusals = [
        refusal(register({ sessionId })),
        refusal(registry.unary((to) => to.closeSession, { userId, sessionId, reason })),
        refusal(presence.unary((to) => to.setStatus, { userId, change })),
      ];
      const was = sessionId === '' ? 'is missing' : `"${sessionId}" is none`;
      const words = `session_id: ${was}; a session id is 1 to 64 of A-Z a-z 0-9 _ . : -`;
      expect((await Promise.all(refusals)).map(({ message }) => message)).toEqual([
        words,
        words,
        `activity.${words}`,
      ]);
    },
  );

  test('activity of a session that is not there: NOT_FOUND, register again', async () => {
    const { code, message } = await refusal(
      presence.unary((client) => client.setStatus, {
        userId: 'alice',
        change: {
          $case: 'activity',
          value: { sessionId: 'gone', activity: Activity.ACTIVITY_IDLE, epoch: 1 },
        },
      }),
    );
    expect(code).toBe(status.NOT_FOUND);
    expect(message).toContain('register it again');
  });
});
