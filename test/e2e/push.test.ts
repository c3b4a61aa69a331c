/**
 * Notifications over the real stack: processes of their own on real Redis, Kafka and Dgraph, and a push service on
 * loopback that checks who sends and decrypts what it gets.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import type { ClientPool } from '../../lib/grpc/client.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { openGraph } from '../support/clients.ts';
import { connect, type EdgeClient } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import { startEmbedded, type Mesh } from '../support/mesh.ts';
import { packageRoot } from '../support/package-root.ts';
import { startPushService, type PushService } from '../support/push-service.ts';
import { startStack } from '../support/stack.ts';

const START_TIMEOUT_MS = 180_000;

let disposer: Disposer;
let service: PushService;
let mesh: Mesh;
let graph: ClientPool<GraphServiceClient>;

beforeAll(async () => {
  disposer = createDisposer();
  service = disposer.add(await startPushService());
  const stack = disposer.add(
    await startStack({
      counts: { fanout: 2 },
      settings: { MESH_CLOSE_GRACE_MS: '200', ...(await freshKeys()) },
    }),
  );
  mesh = stack.mesh;
  graph = openGraph(...mesh.graph.map(({ address }) => address));
  disposer.defer(() => graph[Symbol.dispose]());
}, START_TIMEOUT_MS);

afterAll(async () => disposer[Symbol.asyncDispose](), 60_000);

/** As an operator makes them. */
async function freshKeys(): Promise<Record<string, string>> {
  const mesh = join(packageRoot(), 'bin', 'mesh.js');
  const { stdout } = await promisify(execFile)(process.execPath, [mesh, 'vapid']);
  return Object.fromEntries(
    [...stdout.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  ) as Record<string, string>;
}

/** Users of one test only. */
let prefix = 0;
beforeEach(() => {
  prefix++;
});
const user = (name: string): string => `p${prefix}-${name}`;

const address = (): string => mesh.gateways[0]!.address;
const comeOnline = (name: string): Promise<EdgeClient> => connect(address(), user(name));

async function befriend(a: string, b: string): Promise<void> {
  const request = { userId: user(a), friendUserId: user(b) };
  await graph.unary((client) => client.befriend, request, { timeoutMs: 10_000 });
}

async function http(method: string, viewer: string, path: string, body?: object) {
  return httpAt(address(), `dev:${user(viewer)}`, method, path, body);
}

async function httpAt(at: string, token: string, method: string, path: string, body?: object) {
  const response = await fetch(`http://${at}${path}`, {
    ...{ method, headers: { authorization: `Bearer ${token}`, connection: 'close' } },
    ...(body && { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  expect({ path, answer, status: response.status }).toMatchObject({ status: 200 });
  return answer;
}

/** The viewer's browser subscribes, and asks for each of the subjects. */
async function ask(viewer: string, ...subjects: string[]): Promise<void> {
  const { publicKey } = (await http('GET', viewer, '/v1/push/key')) as { publicKey: string };
  const subscription = service.subscribe(user(viewer), publicKey);
  for (const subject of subjects)
    await http('PUT', viewer, `/v1/notifications/${user(subject)}`, subscription);
}

async function waiting(viewer: string): Promise<string[]> {
  const answer = await http('GET', viewer, '/v1/notifications');
  return (answer as { notifications: { subjectUserId: string }[] }).notifications.map(
    ({ subjectUserId }) => subjectUserId,
  );
}

const toldTo = (viewer: string): string[] =>
  service.messages
    .filter(({ browser }) => browser === user(viewer))
    .map(({ data }) => (data as { userId: string }).userId);

async function leave(client: EdgeClient): Promise<void> {
  client.send({ logout: {} });
  await client.whenClosed();
}

/** Whatever was to be sent before has been, when this arrives. */
async function afterwards(): Promise<void> {
  await befriend('marker', 'friend');
  await ask('marker', 'friend');
  using friend = await comeOnline('friend');
  await eventually(() => expect(toldTo('marker')).toEqual([friend.userId]));
  expect(service.problems).toEqual([]);
}

test('asked once, told once', async () => {
  await befriend('alice', 'bob');
  await ask('alice', 'bob');
  expect(await waiting('alice')).toEqual([user('bob')]);
  const first = await comeOnline('bob');
  await eventually(() => expect(toldTo('alice')).toEqual([user('bob')]));
  expect(await waiting('alice')).toEqual([]);
  await leave(first);
  using second = await comeOnline('bob');
  await afterwards();
  expect(toldTo('alice')).toEqual([second.userId]);
});

test('nobody hears of those who hide from them, or of whom they do not ask any more', async () => {
  for (const viewer of ['blocked', 'canceller', 'alice']) {
    await befriend(viewer, 'bob');
    await ask(viewer, 'bob');
  }
  const block = { userId: user('bob'), blockedUserId: user('blocked') };
  await graph.unary((client) => client.block, block, { timeoutMs: 10_000 });
  expect(await http('DELETE', 'canceller', `/v1/notifications/${user('bob')}`)).toEqual({
    cancelled: 1,
  });
  using bob = await comeOnline('bob');
  await eventually(() => expect(toldTo('alice')).toEqual([bob.userId]));
  await afterwards();
  expect([toldTo('blocked'), toldTo('canceller')]).toEqual([[], []]);
  expect(await waiting('blocked')).toEqual([bob.userId]);
});

test('who is invisible does not come online', async () => {
  await befriend('alice', 'bob');
  const first = await comeOnline('bob');
  first.send({ setStatus: { status: 'STATUS_INVISIBLE' } });
  using watcher = await comeOnline('alice');
  await watcher.sees(user('bob'), 'STATUS_OFFLINE');
  await leave(watcher);
  await ask('alice', 'bob');
  await leave(first);
  using second = await comeOnline('bob');
  await afterwards();
  expect(toldTo('alice')).toEqual([]);
  second.send({ setStatus: { status: 'STATUS_BUSY' } });
  await eventually(() => expect(toldTo('alice')).toEqual([second.userId]));
});

test('who sees it on screen is not notified', async () => {
  await befriend('alice', 'bob');
  using alice = await comeOnline('alice');
  await ask('alice', 'bob');
  using bob = await comeOnline('bob');
  await alice.sees(bob.userId, 'STATUS_ONLINE');
  await eventually(async () => expect(await waiting('alice')).toEqual([]));
  await afterwards();
  expect(toldTo('alice')).toEqual([]);
});

test('a browser that is gone is forgotten', async () => {
  for (const friend of ['bob', 'carol']) await befriend('alice', friend);
  await ask('alice', 'bob', 'carol');
  service.answer(user('alice'), { status: 410 });
  using bob = await comeOnline('bob');
  await eventually(async () => expect(await waiting('alice')).toEqual([]));
  using carol = await comeOnline('carol');
  await afterwards();
  expect([bob.closed, carol.closed, toldTo('alice')]).toEqual([undefined, undefined, []]);
  expect(service.requests.filter((name) => name === user('alice'))).toHaveLength(1);
});

test('what a worker that was killed would have told, another one tells, once', async () => {
  const subjects = Array.from({ length: 8 }, (_, i) => `subject${i}`);
  for (const subject of subjects) {
    await befriend('alice', subject);
    await ask('alice', subject);
  }
  await mesh.fanout[0]!.kill();
  try {
    const clients = await Promise.all(subjects.map(comeOnline));
    await eventually(() => expect(new Set(toldTo('alice')).size).toBe(subjects.length));
    for (const client of clients) client[Symbol.dispose]();
  } finally {
    await mesh.fanout[0]!.start();
  }
  await afterwards();
  expect(toldTo('alice').sort()).toEqual(subjects.map(user).sort());
});

test('mesh up notifies without a setting', async () => {
  await using up = await startEmbedded();
  const embedded = openGraph(up.grpcAddress);
  await embedded.unary((client) => client.befriend, { userId: 'alice', friendUserId: 'bob' });
  embedded[Symbol.dispose]();
  const as = (method: string, path: string, body?: object) =>
    httpAt(up.address, 'dev:alice', method, path, body);
  const { publicKey } = (await as('GET', '/v1/push/key')) as { publicKey: string };
  await as('PUT', '/v1/notifications/bob', service.subscribe('embedded', publicKey));
  using bob = await connect(up.address, 'bob');
  await eventually(() =>
    expect(service.messages.filter(({ browser }) => browser === 'embedded')).toMatchObject([
      { data: { userId: bob.userId, status: 'STATUS_ONLINE' } },
    ]),
  );
});
