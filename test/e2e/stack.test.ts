/**
 * Two gateways, two presence, two fanout and one graph as processes of their own, over real Redis, Kafka and Dgraph;
 * then one after the other is killed. The order of the tests does not matter: what was killed is started again.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { GatewayRecord } from '../../gen/fanout/v1/messages.ts';
import type { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import type { PresenceServiceClient } from '../../gen/presence/v1/presence_service.ts';
import { Status } from '../../gen/presence/v1/presence.ts';
import { Cause } from '../../gen/presence/v1/transition.ts';
import type { ConnectionRegistryServiceClient } from '../../gen/registry/v1/registry_service.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import type { ClientPool } from '../../lib/grpc/client.ts';
import { createKafkaBus } from '../../lib/kafka/kafka-bus.ts';
import type { MessageBus } from '../../lib/kafka/bus.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { openGraph, openPresence, openRegistry } from '../support/clients.ts';
import { connect, type EdgeClient } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import type { Mesh, MeshPart } from '../support/mesh.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** A machine that is busy makes nobody seem gone. */
const LEASE_TTL_MS = 10_000;
const HEARTBEAT_MS = 500;
const START_TIMEOUT_MS = 180_000;
const TEST_TIMEOUT_MS = 300_000;

let disposer: Disposer;
let redis: Stack['redis'];
let kafka: Stack['kafka'];
let mesh: Mesh;
let graph: ClientPool<GraphServiceClient>;
let presence: ClientPool<PresenceServiceClient>;
let registry: ClientPool<ConnectionRegistryServiceClient>;
let bus: MessageBus;

beforeAll(async () => {
  disposer = createDisposer();
  const stack = disposer.add(
    await startStack({
      counts: { gateway: 2, presence: 2, fanout: 2, graph: 1 },
      settings: {
        MESH_LEASE_TTL_MS: String(LEASE_TTL_MS),
        MESH_HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_MS),
        MESH_CLOSE_GRACE_MS: '500',
      },
    }),
  );
  ({ redis, kafka, mesh } = stack);
  graph = openGraph(...mesh.graph.map(({ address }) => address));
  disposer.defer(() => graph[Symbol.dispose]());
  presence = openPresence(...mesh.presence.map(({ address }) => address));
  disposer.defer(() => presence[Symbol.dispose]());
  registry = openRegistry(...mesh.presence.map(({ address }) => address));
  disposer.defer(() => registry[Symbol.dispose]());
  bus = disposer.add(createKafkaBus({ brokers: [kafka.brokers], clientId: 'test', clock }));
}, START_TIMEOUT_MS);

afterAll(async () => disposer[Symbol.asyncDispose](), 60_000);

/** Users of one test only, so that no test sees another one's. */
let prefix = 0;
beforeEach(() => {
  prefix++;
});
const user = (name: string): string => `t${prefix}-${name}`;

const gateway = (index: number): MeshPart => mesh.gateways[index]!;
const onGateway = (index: number, name: string): Promise<EdgeClient> =>
  connect(gateway(index).address, user(name), { heartbeatMs: HEARTBEAT_MS });

async function befriend(a: string, ...others: string[]): Promise<void> {
  for (const b of others) {
    await graph.unary(
      (client) => client.befriend,
      { userId: user(a), friendUserId: user(b) },
      { timeoutMs: 10_000 },
    );
  }
}

/** Entries of all outboxes: nothing is under way to a gateway where there is none. */
async function waiting(): Promise<readonly number[]> {
  const { shards } = await registry.unary((client) => client.listShards, {});
  return shards.map(({ outboxLength }) => Number(outboxLength)).filter((length) => length > 0);
}

/** Restarts a part that a test killed, and waits until it serves. */
async function killed<T>(
  server: { kill(): Promise<void>; start(): Promise<void> },
  during: () => Promise<T>,
): Promise<T> {
  await server.kill();
  try {
    return await during();
  } finally {
    await server.start();
  }
}

const STATUSES = [Status.STATUS_BUSY, Status.STATUS_AWAY, Status.STATUS_ONLINE];
const nameOf = (status: Status): string =>
  Object.entries(Status).find(([, value]) => value === status)![0];

/** Until it is acknowledged: only then it must not be lost. */
async function choose(userId: string, chosen: Status): Promise<void> {
  await eventually(
    () =>
      presence.unary((client) => client.setStatus, {
        userId,
        change: { $case: 'chosen', value: chosen },
      }),
    { intervalMs: 100, timeoutMs: 60_000 },
  );
}

test('friends on two gateways see each other', async () => {
  await befriend('alice', 'bob');
  using alice = await onGateway(0, 'alice');
  using bob = await onGateway(1, 'bob');
  await alice.sees(user('bob'), 'STATUS_ONLINE');
  bob.send({ setStatus: { status: 'STATUS_BUSY' } });
  await alice.sees(user('bob'), 'STATUS_BUSY');
  bob.close();
  await alice.sees(user('bob'), 'STATUS_OFFLINE');
});

test('a message goes to the gateways that hold a friend, and to no other', async () => {
  await befriend('alice', 'bob');
  using bob = await onGateway(1, 'bob');
  using stranger = await onGateway(0, 'stranger');
  using alice = await onGateway(0, 'alice');
  // What was told of their coming is no news any more.
  await eventually(async () => expect(await waiting()).toEqual([]));
  const topics = await bus.listTopics('presence-updates.');
  const told = new Map<string, string[]>(topics.map((topic) => [topic, []]));
  const readers = createDisposer();
  for (const topic of topics) {
    readers.add(
      await bus.read(topic, {
        from: 'latest',
        onRecord: ({ value }) => {
          const { payload } = GatewayRecord.decode(value);
          if (payload?.$case === 'delivery')
            told.get(topic)?.push(...payload.value.recipientUserIds);
        },
        onCrash: (error) => {
          throw error;
        },
      }),
    );
  }
  alice.send({ setStatus: { status: 'STATUS_BUSY' } });
  await bob.sees(user('alice'), 'STATUS_BUSY');
  const toldOf = (part: MeshPart): string[] =>
    [...told].filter(([topic]) => topic.includes(`gateway-${part.port}`)).flatMap(([, ids]) => ids);
  await eventually(() => expect(toldOf(gateway(1))).toEqual([user('bob')]));
  expect(toldOf(gateway(0))).toEqual([]);
  expect(stranger.view.size).toBe(0);
  await readers[Symbol.asyncDispose]();
});

describe('nothing is lost and everyone ends right when', () => {
  /** Many subjects change again and again while `fault` runs; every friend must end with each one's last status. */
  async function changesDuring(fault: () => Promise<void>): Promise<void> {
    const names = Array.from({ length: 8 }, (_, i) => `subject${i}`);
    await befriend('watcher', ...names);
    await befriend('other', ...names);
    const subjects = await Promise.all(names.map((name, i) => onGateway(i % 2, name)));
    const watchers = [await onGateway(0, 'watcher'), await onGateway(1, 'other')];
    let changing = true;
    const last = new Map<string, Status>();
    const change = async (): Promise<void> => {
      for (let round = 0; changing; round++) {
        for (const [i, subject] of subjects.entries()) {
          const status = STATUSES[(round + i) % STATUSES.length]!;
          await choose(subject.userId, status);
          last.set(subject.userId, status);
        }
      }
    };
    const changes = change();
    await fault();
    changing = false;
    await changes;
    for (const watcher of watchers) {
      for (const [subject, status] of last) await watcher.sees(subject, nameOf(status), 60_000);
      expect(watcher.closed).toBeUndefined();
    }
    for (const client of [...subjects, ...watchers]) client[Symbol.dispose]();
  }

  test(
    'a fanout worker is killed',
    async () => {
      await changesDuring(() =>
        killed(mesh.fanout[0]!, async () => {
          await clock.sleep(2000);
        }),
      );
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'a presence process is killed',
    async () => {
      await changesDuring(() =>
        killed(mesh.presence[0]!, async () => {
          await clock.sleep(LEASE_TTL_MS + 500);
        }),
      );
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'the graph is away',
    async () => {
      await changesDuring(() =>
        killed(mesh.graph[0]!, async () => {
          await clock.sleep(1500);
        }),
      );
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'Kafka is killed',
    async () => {
      await changesDuring(() =>
        killed(kafka, async () => {
          await clock.sleep(1000);
        }),
      );
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'Redis is killed and comes back with nothing',
    async () => {
      await changesDuring(() =>
        killed(redis, async () => {
          const data = join(redis.spec.dir, 'data');
          expect(await readdir(data)).not.toEqual([]);
          await rm(data, { recursive: true });
          await mkdir(data);
        }),
      );
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'Redis is killed and comes back with what it had on disk',
    async () => {
      await changesDuring(() =>
        killed(redis, async () => {
          await clock.sleep(500);
        }),
      );
    },
    TEST_TIMEOUT_MS,
  );
});

test(
  'a gateway whose topic somebody deletes makes it anew, and its clients are told right',
  async () => {
    await befriend('alice', 'bob');
    using alice = await onGateway(0, 'alice');
    using bob = await onGateway(1, 'bob');
    await alice.sees(user('bob'), 'STATUS_ONLINE');
    const topics = () => bus.listTopics(`presence-updates.gateway-${gateway(0).port}.`);
    await bus.deleteTopics(await topics());
    await choose(bob.userId, Status.STATUS_BUSY);
    await alice.sees(bob.userId, 'STATUS_BUSY', 60_000);
    await eventually(async () => expect(await topics()).toHaveLength(1));
    const readyUrl = `http://${gateway(0).address}/readyz`;
    await eventually(async () => expect((await fetch(readyUrl)).status).toBe(200));
    await choose(bob.userId, Status.STATUS_AWAY);
    await alice.sees(bob.userId, 'STATUS_AWAY', 60_000);
    expect(alice.closed).toBeUndefined();
  },
  TEST_TIMEOUT_MS,
);

test('an operator is told why somebody is shown so', async () => {
  using alice = await onGateway(0, 'alice');
  alice.send({ setStatus: { status: 'STATUS_BUSY' } });
  await eventually(async () => {
    const { explanation } = await presence.unary((client) => client.explainPresence, {
      userId: user('alice'),
    });
    expect(explanation?.reason).toBe('BUSY by choice, with 1 live session');
    expect(explanation?.sessions).toMatchObject([{ gatewayAlive: true }]);
    expect(explanation?.routeGatewayIds).toEqual([explanation?.sessions[0]?.gatewayId]);
    expect(explanation?.transitions.map(({ cause }) => cause)).toEqual([
      Cause.CAUSE_CHOSEN,
      Cause.CAUSE_OPENED,
    ]);
  });
});

test('users of a gateway that is killed are gone at their deadline', async () => {
  await befriend('alice', 'bob');
  using alice = await onGateway(0, 'alice');
  using bob = await onGateway(1, 'bob');
  await alice.sees(user('bob'), 'STATUS_ONLINE');
  await killed(gateway(1), async () => {
    await alice.sees(user('bob'), 'STATUS_OFFLINE', LEASE_TTL_MS * 4);
  });
  expect(bob.closed).toBeDefined();
  using again = await onGateway(1, 'bob');
  await alice.sees(user('bob'), 'STATUS_ONLINE');
  expect(again.statusOf(user('alice'))).toBe('STATUS_ONLINE');
});

test('a gateway that is stopped tells its clients when to come back, and nobody is gone meanwhile', async () => {
  await befriend('alice', 'bob');
  using alice = await onGateway(0, 'alice');
  using bob = await onGateway(1, 'bob');
  const { version: online } = await alice.sees(user('bob'), 'STATUS_ONLINE');
  gateway(1).signal('SIGTERM');
  await eventually(() => expect(bob.frames.some(({ goingAway }) => goingAway)).toBe(true));
  using moved = await onGateway(0, 'bob');
  expect(moved.statusOf(user('alice'))).toBe('STATUS_ONLINE');
  bob.close();
  await killed(gateway(1), () => Promise.resolve());
  // What befriending announced, when bob was not there yet, may arrive as late as with bob's ONLINE.
  const seen = alice.frames.flatMap(({ update }) => update?.presences ?? []);
  const later = seen.filter(({ version }) => BigInt(version!) > BigInt(online!));
  expect(later.filter(({ status }) => status === 'STATUS_OFFLINE')).toEqual([]);
});
