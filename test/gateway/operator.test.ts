/** What operators may ask over plain HTTP, and who is one. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SignJWT } from 'jose';
import type { Gateway } from '../../gateway/app.ts';
import { eventually } from '../support/eventually.ts';
import { addressOf, join, startInProcessMesh, type InProcessMesh } from './in-process-mesh.ts';

const SECRET = 'a secret of thirty-two bytes or more';
let mesh: InProcessMesh;
let dev: Gateway;
let signed: Gateway;

beforeAll(async () => {
  mesh = await startInProcessMesh();
  dev = await mesh.addGateway();
  const auth = { mode: 'jwt', jwtSecret: SECRET } as const;
  signed = await mesh.addGateway({ auth, host: '127.0.0.1' });
});

afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
});

async function ask(to: Gateway, path: string, token?: string) {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const headers = { connection: 'close', ...authorization };
  const response = await fetch(`http://${addressOf(to)}/v1/operator/${path}`, { headers });
  return { status: response.status, body: await response.json() };
}

const tokenFor = (claims: { role?: string }): Promise<string> =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('olga')
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));

test('a user is explained as proto3 JSON', async () => {
  using bob = await join(dev, 'bob');
  const { status, body } = await ask(dev, 'explain?user_id=bob', 'dev:root');
  expect(status).toBe(200);
  expect(body).toMatchObject({
    explanation: {
      presence: { userId: bob.userId, status: 'STATUS_ONLINE' },
      reason: 'ONLINE by activity: 1 live session, 1 of them active',
      sessions: [{ gatewayId: dev.gatewayId, gatewayAlive: true }],
      routeGatewayIds: [dev.gatewayId],
    },
  });
});

test('the gateways alive are listed', async () => {
  const { status, body } = await ask(dev, 'gateways', 'dev:root');
  const { gateways } = body as { gateways: { gatewayId: string }[] };
  expect([status, gateways.map(({ gatewayId }) => gatewayId)]).toEqual([
    200,
    [dev.gatewayId, signed.gatewayId].sort(),
  ]);
});

test('every shard is listed, with its owner, its users and what waits', async () => {
  using bob = await join(dev, 'bob');
  const shard = mesh.store.shardOf(bob.userId);
  await eventually(async () => {
    const { status, body } = await ask(dev, 'shards', 'dev:root');
    const { shards } = body as { shards: { shard?: number; outboxLength?: string }[] };
    expect([status, shards.map((one) => one.shard ?? 0)]).toEqual([200, [0, 1, 2, 3, 4, 5, 6, 7]]);
    expect(shards[shard]).toMatchObject({ ownerWorkerId: 'worker-1', users: 1 });
    expect(shards.every(({ outboxLength }) => outboxLength === undefined)).toBe(true);
  });
});

test('a change is counted by the time it took to be delivered', async () => {
  interface Reading {
    readonly boundsSeconds: readonly number[];
    readonly counts: readonly number[];
  }
  const read = async () => (await ask(dev, 'propagation', 'dev:root')).body as Reading;
  const totalOf = ({ counts }: Reading): number => counts.reduce((sum, count) => sum + count, 0);
  const before = totalOf(await read());
  await mesh.befriend('ann', 'ben');
  using ann = await join(dev, 'ann');
  using ben = await join(dev, 'ben');
  await ann.sees('ben', 'STATUS_ONLINE');
  ben.send({ setStatus: { status: 'STATUS_BUSY' } });
  await ann.sees('ben', 'STATUS_BUSY');
  const after = await read();
  expect(totalOf(after)).toBeGreaterThanOrEqual(before + 2);
  expect(after.counts).toHaveLength(after.boundsSeconds.length + 1);
});

test('a bad user id is named, with what would be right', async () => {
  const { status, body } = await ask(dev, 'explain?user_id=a%20b', 'dev:root');
  const message = 'user_id: "a b" is no id; an id is 1 to 128 of A-Z a-z 0-9 _ . : @ -';
  expect([status, body]).toEqual([400, { error: { code: 'INVALID_ARGUMENT', message } }]);
});

test.each(['explain?user_id=bob', 'gateways', 'shards', 'propagation'])(
  '%s is for operators only',
  async (path) => {
    expect((await ask(signed, path)).status).toBe(401);
    const refused = await ask(signed, path, await tokenFor({}));
    const message = 'for operators: the token needs the claim "role": "operator"';
    expect(refused).toEqual({
      status: 403,
      body: { error: { code: 'PERMISSION_DENIED', message } },
    });
    expect((await ask(signed, path, await tokenFor({ role: 'user' }))).status).toBe(403);
    expect((await ask(signed, path, await tokenFor({ role: 'operator' }))).status).toBe(200);
  },
);
