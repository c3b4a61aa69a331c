/** Pages of other origins, as a browser would ask for them; and whose traceparent decides on sampling. */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SignJWT } from 'jose';
import { WebSocket } from 'ws';
import type { Gateway } from '../../gateway/app.ts';
import { readGatewaySettings } from '../../gateway/config.ts';
import { eventually } from '../support/eventually.ts';
import { addressOf, startInProcessMesh, type InProcessMesh } from './in-process-mesh.ts';

const SECRET = 'a secret of thirty-two bytes or more';
const APP = 'https://app.example.com';
const EVIL = 'https://evil.example';
let mesh: InProcessMesh;
/** Says nothing of origins. */
let plain: Gateway;
/** Lets the app's pages in. */
let listed: Gateway;
let signed: Gateway;

beforeAll(async () => {
  mesh = await startInProcessMesh();
  plain = await mesh.addGateway();
  listed = await mesh.addGateway({ allowedOrigins: [APP, 'http://localhost:3000'] });
  const auth = { mode: 'jwt', jwtSecret: SECRET } as const;
  signed = await mesh.addGateway({ auth, host: '127.0.0.1' });
});

afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
});

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** As a browser sends it: `fetch` would not let a page say its origin. */
async function ask(to: Gateway, origin: string, asked: Asked = {}): Promise<IncomingMessage> {
  const { method = 'GET', path = '/v1/presence?user_id=bob' } = asked;
  const authorization = method === 'OPTIONS' ? {} : { authorization: 'Bearer dev:alice' };
  const headers = { origin, ...authorization, ...asked.headers };
  const url = `http://${addressOf(to)}${path}`;
  const [response] = (await once(
    request(url, { method, agent: false, headers }).end(),
    'response',
  )) as [IncomingMessage];
  return response;
}

const ALLOWS = 'access-control-allow-origin';

describe('a gateway that names origins', () => {
  test('lets their pages read answers and refusals, and no other’s', async () => {
    for (const path of ['/v1/presence?user_id=bob', '/v1/presence', '/v1/push/key', '/nothing']) {
      const app = await ask(listed, APP, { path });
      expect(app.headers).toMatchObject({ [ALLOWS]: APP, vary: 'origin' });
      const evil = await ask(listed, EVIL, { path });
      expect(evil.headers).not.toHaveProperty(ALLOWS);
      expect(evil.headers.vary).toBe('origin');
      await Promise.all([text(app), text(evil)]);
    }
  });

  test('answers a browser that asks beforehand', async () => {
    const path = '/v1/notifications/bob';
    const headers = { 'access-control-request-method': 'PUT' };
    const app = await ask(listed, APP, { method: 'OPTIONS', path, headers });
    expect(app.statusCode).toBe(204);
    expect(app.headers).toMatchObject({
      [ALLOWS]: APP,
      'access-control-allow-methods': 'GET, PUT, DELETE',
      'access-control-allow-headers': expect.stringContaining('authorization'),
    });
    const evil = await ask(listed, EVIL, { method: 'OPTIONS', path, headers });
    expect(evil.headers).not.toHaveProperty(ALLOWS);
    expect(evil.headers).not.toHaveProperty('access-control-allow-methods');
    await Promise.all([text(app), text(evil)]);
  });

  test('lets their pages read events', async () => {
    const response = await ask(listed, 'http://localhost:3000', { path: '/v1/events' });
    expect(response.headers).toMatchObject({
      [ALLOWS]: 'http://localhost:3000',
      'content-type': 'text/event-stream; charset=utf-8',
    });
    response.destroy();
  });

  const upgrade = async (to: Gateway, origin?: string): Promise<number> => {
    const url = `ws://${addressOf(to)}/v1/ws?access_token=dev:alice`;
    const socket = new WebSocket(url, origin === undefined ? {} : { origin });
    socket.on('error', () => undefined);
    const status = await Promise.race([
      once(socket, 'upgrade').then(() => 101),
      once(socket, 'unexpected-response').then(
        ([, response]) => (response as IncomingMessage).statusCode,
      ),
    ]);
    socket.terminate();
    return status ?? 0;
  };

  test('takes WebSockets of theirs, of its own pages, and of what is no browser', async () => {
    expect(await upgrade(listed, APP)).toBe(101);
    expect(await upgrade(listed, `http://${addressOf(listed)}`)).toBe(101);
    expect(await upgrade(listed)).toBe(101);
    expect(await upgrade(listed, EVIL)).toBe(403);
    expect(await upgrade(listed, 'null')).toBe(403);
    expect(await upgrade(plain, EVIL)).toBe(101);
  });
});

test('without origins no other page reads anything', async () => {
  const answer = await ask(plain, APP);
  expect(answer.statusCode).toBe(200);
  expect(answer.headers).not.toHaveProperty(ALLOWS);
  await text(answer);
});

describe('MESH_ALLOWED_ORIGINS', () => {
  const read = (text: string) =>
    readGatewaySettings({ MESH_ALLOWED_ORIGINS: text }, []).MESH_ALLOWED_ORIGINS;

  test('is a list of origins', () => {
    expect(read(`${APP}, http://localhost:3000`)).toEqual([APP, 'http://localhost:3000']);
  });

  test.each(['*', 'app.example.com', `${APP}/`, `${APP}/page`, 'HTTPS://app.example.com'])(
    '%s is none',
    (text) => expect(() => read(text)).toThrow('must be origins'),
  );
});

describe('a traceparent that is to be sampled', () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';

  async function traceOf(userId: string, claims: { role?: string }): Promise<string> {
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(userId)
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(SECRET));
    const url = `ws://${addressOf(signed)}/v1/ws?access_token=${token}`;
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    const socket = new WebSocket(url, { headers });
    try {
      return await eventually(async () => {
        const [session] = (await mesh.store.inspect(userId)).sessions;
        if (!session) throw new Error('no session yet');
        return session.trace;
      });
    } finally {
      socket.terminate();
    }
  }

  test('is followed when an operator sent it, and nobody else’s is', async () => {
    expect(await traceOf('olga', { role: 'operator' })).toContain(traceId);
    const trace = await traceOf('ulf', {});
    expect(trace).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(trace).not.toContain(traceId);
  });
});
