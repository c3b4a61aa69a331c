/** Asking over HTTP to be told when somebody comes online. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SignJWT } from 'jose';
import type { Gateway } from '../../gateway/app.ts';
import { generateVapidKeys } from '../../lib/web-push/vapid.ts';
import { eventually } from '../support/eventually.ts';
import { startPushService, type PushService } from '../support/push-service.ts';
import { addressOf, join, startInProcessMesh, type InProcessMesh } from './in-process-mesh.ts';

const vapid = generateVapidKeys('mailto:test@example.org');
const SECRET = 'a secret of thirty-two bytes or more';

let service: PushService;
let mesh: InProcessMesh;
let gateway: Gateway;
beforeAll(async () => {
  service = await startPushService();
  mesh = await startInProcessMesh({ vapid, closeGraceMs: 0 });
  gateway = await mesh.addGateway();
});
afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

/** `PUT bob`, as alice. */
async function request(token: string, line: string, body?: unknown, to = gateway) {
  const [method = '', subject = ''] = line.split(' ');
  const path = subject.startsWith('/') ? subject : `/v1/notifications/${subject}`;
  const response = await fetch(`http://${addressOf(to)}${path}`, {
    ...{ method, headers: { connection: 'close', authorization: `Bearer ${token}` } },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const answer = (await response.json()) as { error?: { code: string; message: string } };
  return { status: response.status, headers: response.headers, answer };
}

const subscribe = (browser: string) => ({
  ...service.subscribe(browser, vapid.publicKey),
  expirationTime: null,
});

async function waiting(userId: string): Promise<string[]> {
  const { answer } = await request(`dev:${userId}`, 'GET /v1/notifications');
  const { notifications } = answer as { notifications: { subjectUserId: string }[] };
  return notifications.map(({ subjectUserId }) => subjectUserId);
}

const told = (browser: string): unknown[] =>
  service.messages.filter((message) => message.browser === browser).map(({ data }) => data);

test('the key is what browsers subscribe with', async () => {
  const { status, answer } = await request('dev:alice', 'GET /v1/push/key');
  expect({ status, answer }).toEqual({ status: 200, answer: { publicKey: vapid.publicKey } });
  expect((await request('nobody', 'GET /v1/push/key')).status).toBe(401);
});

test('from the request to the browser', async () => {
  await mesh.befriend('alice', 'bob');
  const asked = await request('dev:alice', 'PUT bob', subscribe('alice'));
  expect(asked).toMatchObject({ status: 200, answer: {} });
  expect(await waiting('alice')).toEqual(['bob']);
  using bob = await join(gateway, 'bob');
  await eventually(() => expect(told('alice')).toHaveLength(1));
  expect(told('alice')[0]).toMatchObject({ userId: bob.userId, status: 'STATUS_ONLINE' });
  expect(await waiting('alice')).toEqual([]);
  const again = await request('dev:alice', 'PUT bob', subscribe('alice'));
  expect(again.status).toBe(409);
  expect(again.answer.error).toEqual({
    code: 'FAILED_PRECONDITION',
    message: 'bob is online now: there is nothing to wait for',
  });
});

test('a request is taken back, for one device or for all', async () => {
  await mesh.befriend('ann', 'ben');
  const [phone, laptop] = [subscribe('phone'), subscribe('laptop')];
  for (const device of [phone, laptop]) await request('dev:ann', 'PUT ben', device);
  const { endpoint } = phone;
  expect((await request('dev:ann', 'DELETE ben', { endpoint })).answer).toEqual({ cancelled: 1 });
  expect((await request('dev:ann', 'DELETE ben', phone)).answer).toEqual({ cancelled: 0 });
  expect(await waiting('ann')).toEqual(['ben']);
  expect((await request('dev:ann', 'DELETE ben')).answer).toEqual({ cancelled: 1 });
  expect(await waiting('ann')).toEqual([]);
});

test('a friend who hides looks offline here too; a stranger is nobody, however things are', async () => {
  await mesh.befriend('cat', 'dan');
  using dan = await join(gateway, 'dan');
  using stranger = await join(gateway, 'stranger');
  expect((await request('dev:cat', 'PUT dan', subscribe('cat'))).status).toBe(409);
  await mesh.graph.unary((c) => c.block, { userId: 'dan', blockedUserId: 'cat' });
  await mesh.graph.unary((c) => c.block, { userId: 'stranger', blockedUserId: 'cat' });
  expect((await request('dev:cat', 'PUT dan', subscribe('cat'))).status).toBe(200);
  const replies = await Promise.all(
    [stranger.userId, 'nobody'].map((name) => request('dev:cat', `PUT ${name}`, subscribe('cat'))),
  );
  expect(replies.map(({ status }) => status)).toEqual([404, 404]);
  expect(replies.map(({ answer }) => answer.error?.message)).toEqual([
    'stranger is nobody you see: befriend or follow them first',
    'nobody is nobody you see: befriend or follow them first',
  ]);
  dan.send({ logout: {} });
  await dan.whenClosed();
  using back = await join(gateway, 'dan');
  await mesh.befriend('cat', 'eve');
  await request('dev:cat', 'PUT eve', subscribe('cat'));
  using eve = await join(gateway, 'eve');
  await eventually(() => expect(told('cat')).toHaveLength(1));
  expect(told('cat')).toMatchObject([{ userId: eve.userId }]);
  expect(await waiting('cat')).toEqual([back.userId]);
});

describe('bad input', () => {
  const keys = () => subscribe('x').keys;
  test.each([
    ['PUT a%20b', {}, 400, 'is no user id'],
    ['PUT %zz', {}, 400, 'is no user id'],
    ['PUT bob', '', 400, 'the body is no JSON object'],
    ['PUT bob', '[', 400, 'the body is no JSON object'],
    ['PUT bob', { endpoint: 'https://a.example/' }, 400, 'must be a PushSubscription'],
    ['PUT alice', {}, 400, 'that is you'],
    ['DELETE bob', { endpoint: 7 }, 400, 'endpoint: must be a string'],
    ['DELETE bob', { endPoint: 'https://a.example/' }, 400, 'endpoint: must be a string'],
    ['DELETE bob', [], 400, 'endpoint: must be a string'],
    ['PUT bob', 'x'.repeat(5000), 413, 'the body is longer than 4096 bytes'],
    ['POST bob', {}, 405, 'only PUT, DELETE is served'],
    ['PUT /v1/notifications', {}, 405, 'only GET is served'],
    ['PUT /v1/push/key', {}, 405, 'only GET is served'],
  ])('%s %j: %d', async (line, body, status, message) => {
    const reply = await request('dev:alice', line, body);
    expect(reply.status).toBe(status);
    expect(reply.answer.error?.message).toContain(message);
  });

  test.each([
    ['http://push.example.org/', 'endpoint must be https'],
    ['https://10.0.0.1/', 'endpoint must be on a public host'],
    ['https://redis.internal/', 'endpoint must be on a public host'],
  ])('nothing would be sent to %s', async (endpoint, message) => {
    const reply = await request('dev:alice', 'PUT bob', { endpoint, keys: keys() });
    expect(reply).toMatchObject({ status: 400, answer: { error: { message } } });
  });
});

test('where tokens are signed, this machine is no push service', async () => {
  const auth = { mode: 'jwt', jwtSecret: SECRET } as const;
  const signed = await mesh.addGateway({ auth, host: '127.0.0.1' });
  const token = await new SignJWT()
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('alice')
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));
  const reply = await request(token, 'PUT bob', subscribe('alice'), signed);
  expect(reply).toMatchObject({ status: 400, answer: { error: { code: 'INVALID_ARGUMENT' } } });
  expect(reply.answer.error?.message).toBe('endpoint must be https');
});

test('the console’s page is told whether there are notifications, without an error', async () => {
  const off = await mesh.addGateway({ vapidPublicKey: undefined });
  const on = await mesh.addGateway();
  for (const [gateway, hasPush] of [
    [off, false],
    [on, true],
  ] as const) {
    const url = `http://${addressOf(gateway)}/console/settings.json`;
    const response = await fetch(url, { headers: { connection: 'close' } });
    expect(await response.json()).toEqual({ auth: 'dev', hasPush });
  }
});

test('where there is no key, it says how to set it', async () => {
  const off = await mesh.addGateway({ vapidPublicKey: undefined });
  for (const line of ['GET /v1/push/key', 'GET /v1/notifications', 'DELETE bob']) {
    const { status, answer } = await request('dev:alice', line, undefined, off);
    expect(status).toBe(501);
    expect(answer.error?.message).toMatch(/^Web Push is off: set MESH_VAPID_PUBLIC_KEY/);
  }
});
