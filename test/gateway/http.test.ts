/** Plain HTTP, the door, and server-sent events. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SignJWT } from 'jose';
import { WebSocket } from 'ws';
import { createGateway, type Gateway } from '../../gateway/app.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { ConfigError } from '../../lib/config.ts';
import { open } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import { open as openSession } from '../support/presence-store.ts';
import {
  addressOf,
  join,
  logger,
  startInProcessMesh,
  type InProcessMesh,
} from './in-process-mesh.ts';

const SECRET = 'a secret of thirty-two bytes or more';
let mesh: InProcessMesh;
let gateway: Gateway;
let signed: Gateway;

beforeAll(async () => {
  mesh = await startInProcessMesh();
  gateway = await mesh.addGateway();
  signed = await mesh.addGateway({
    auth: { mode: 'jwt', jwtSecret: SECRET },
    host: '127.0.0.1',
  });
});

afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
});

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

async function request(path: string, init: RequestInit = {}, to = gateway): Promise<Reply> {
  const headers = { connection: 'close', ...(init.headers as Record<string, string>) };
  const response = await fetch(`http://${addressOf(to)}${path}`, { ...init, headers });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

const as = (userId: string): RequestInit => ({
  headers: { authorization: `Bearer dev:${userId}` },
});

describe('look-up', () => {
  test('answers in order; strangers and unknown users are offline with version 0', async () => {
    await mesh.befriend('ann', 'ben');
    using ben = await join(gateway, 'ben');
    using stranger = await join(gateway, 'stranger');
    expect(stranger.closed ?? ben.closed).toBeUndefined();
    const path = '/v1/presence?user_id=nobody&user_id=ben&user_id=stranger&user_id=ben';
    const { status, body } = await request(path, as('ann'));
    expect(status).toBe(200);
    const seen = { userId: 'ben', status: 'STATUS_ONLINE', mode: 'MODE_PUSH' };
    expect(body).toMatchObject({
      presences: [
        { userId: 'nobody', status: 'STATUS_OFFLINE' },
        seen,
        { userId: 'stranger', status: 'STATUS_OFFLINE' },
        seen,
      ],
    });
    expect((body as { presences: object[] }).presences[2]).not.toHaveProperty('version');
  });

  test('a blocked friend stays as they were', async () => {
    await mesh.befriend('cat', 'dan');
    using dan = await join(gateway, 'dan');
    await mesh.graph.unary((c) => c.block, { userId: 'dan', blockedUserId: 'cat' });
    const before = await request('/v1/presence?user_id=dan', as('cat'));
    dan.send({ setStatus: { status: 'STATUS_BUSY' } });
    await eventually(async () => (await mesh.store.inspect('dan')).settled.status === 'BUSY');
    expect(before.body).toMatchObject({ presences: [{ status: 'STATUS_OFFLINE' }] });
    const after = await request('/v1/presence?user_id=dan', as('cat'));
    expect(after.body).toEqual(before.body);
  });

  const ids = (count: number): string =>
    Array.from({ length: count }, (_, i) => `user_id=u${i}`).join('&');

  test.each([
    ['/v1/presence', 400, 'INVALID_ARGUMENT', '1 to 200'],
    [`/v1/presence?${ids(201)}`, 400, 'INVALID_ARGUMENT', '201'],
    ['/v1/presence?user_id=a%20b', 400, 'INVALID_ARGUMENT', 'a b'],
    ['/v1/nothing', 404, 'NOT_FOUND', '/v1/presence'],
    ['/v1/ws', 426, 'UPGRADE_REQUIRED', 'WebSocket'],
  ])('%#: what is asked wrongly is refused in words', async (path, status, code, words) => {
    const reply = await request(path, as('ann'));
    expect(reply.status).toBe(status);
    expect(reply.body).toMatchObject({ error: { code } });
    expect(JSON.stringify(reply.body)).toContain(words);
  });

  test('200 ids are answered', async () => {
    const { body } = await request(`/v1/presence?${ids(200)}`, as('ann'));
    expect((body as { presences: object[] }).presences).toHaveLength(200);
  });

  test('without a token, or with a bad one', async () => {
    for (const headers of [{}, { authorization: 'Bearer nonsense' }]) {
      const reply = await request('/v1/presence?user_id=ben', { headers });
      expect(reply.status).toBe(401);
      expect(reply.headers.get('www-authenticate')).toContain('Bearer');
      expect(reply.body).toMatchObject({ error: { code: 'UNAUTHENTICATED' } });
    }
  });

  test('only GET', async () => {
    const reply = await request('/v1/presence', { method: 'POST', ...as('ann') });
    expect(reply.status).toBe(405);
    expect(reply.headers.get('allow')).toBe('GET');
  });
});

test('health and readiness', async () => {
  expect((await request('/healthz')).status).toBe(200);
  expect(await request('/readyz')).toMatchObject({ status: 200, body: { problems: [] } });
});

/** What a WebSocket client is told when it is refused. */
async function refusedUpgrade(url: string, protocols: string[] = []) {
  const socket = new WebSocket(url, protocols);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  socket.on('error', () => undefined);
  socket.terminate();
  return { status: response.statusCode, text: Buffer.concat(chunks).toString() };
}

describe('the door', () => {
  test('a subprotocol nobody speaks is refused by name', async () => {
    const url = `ws://${addressOf(gateway)}/v1/ws?access_token=dev:ann`;
    const refused = await refusedUpgrade(url, ['mqtt', 'graphql-ws']);
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('mqtt, graphql-ws');
    expect(refused.text).toContain('presence.v1+json');
  });

  test('the first subprotocol known is confirmed', async () => {
    const url = `ws://${addressOf(gateway)}/v1/ws?access_token=dev:ann`;
    const socket = new WebSocket(url, ['mqtt', 'presence.v1+proto', 'presence.v1+json']);
    const [data, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
    expect(socket.protocol).toBe('presence.v1+proto');
    expect(isBinary).toBe(true);
    expect(data.length).toBeGreaterThan(2);
    socket.terminate();
    await once(socket, 'close');
  });

  test('no token, a bad user, a device name too long or not to be printed', async () => {
    const url = `ws://${addressOf(gateway)}/v1/ws`;
    expect((await refusedUpgrade(url)).status).toBe(401);
    expect((await refusedUpgrade(`${url}?access_token=dev:a%20b`)).text).toContain('1 to 128');
    const device = 'x'.repeat(65);
    const long = await refusedUpgrade(`${url}?access_token=dev:ann&device=${device}`);
    expect(long).toMatchObject({ status: 400 });
    const escape = encodeURIComponent('\u001b[2Jowned\r\n  status ONLINE');
    const evil = await refusedUpgrade(`${url}?access_token=dev:ann&device=${escape}`);
    expect(evil).toMatchObject({ status: 400 });
    expect(evil.text).toContain('device: has U+001B, which cannot be printed; give at most 64');
  });

  test('the 21st connection of a user is closed with 4004', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => join(gateway, 'many')));
    using last = open(addressOf(gateway), 'many');
    expect(await last.whenClosed()).toBe(4004);
    for (const client of clients) client[Symbol.dispose]();
  });

  test('more sessions of a user than go, on whatever gateways, are one that is closed with 4004', async () => {
    const elsewhere = Array.from({ length: 64 }, (_, n) =>
      mesh.store.change(
        openSession('busy', { sessionId: `elsewhere-${n}`, gatewayId: 'elsewhere' }),
      ),
    );
    await Promise.all(elsewhere);
    using one = open(addressOf(gateway), 'busy');
    expect(await one.whenClosed()).toBe(4004);
    expect((await mesh.store.inspect('busy')).sessions).toHaveLength(64);
  });

  test('dev tokens are refused on anything but loopback', async () => {
    const options = { ...mesh, clock, logger, httpPort: 0, heartbeatIntervalMs: 300 };
    const started = createGateway({ ...options, host: '0.0.0.0', auth: { mode: 'dev' } });
    await expect(started).rejects.toThrow(ConfigError);
    await expect(started).rejects.toThrow('loopback');
  });
});

test('a port that is taken is named', async () => {
  const options = { ...mesh, clock, logger, heartbeatIntervalMs: 300 };
  const started = createGateway({ ...options, httpPort: gateway.port, auth: { mode: 'dev' } });
  await expect(started).rejects.toThrow(`127.0.0.1:${gateway.port}`);
});

const token = (claims: object, secret = SECRET): Promise<string> =>
  new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret));
const inSeconds = (seconds: number): number => Math.floor(clock.now() / 1000) + seconds;

describe('signed tokens', () => {
  test('a valid one lets in, and closes the connection when it ends', async () => {
    // Gateways allow 5 s for clocks that differ.
    const valid = await token({ sub: 'ann', exp: inSeconds(0) });
    using client = open(addressOf(signed), 'ann', { token: valid });
    expect(await client.whenClosed()).toBe(4001);
    expect(client.frames[0]?.welcome?.userId).toBe('ann');
  });

  test.each([
    ['expired', { sub: 'ann', exp: inSeconds(-60) }, SECRET, 'expired'],
    ['without an end', { sub: 'ann' }, SECRET, 'exp'],
    ['without a user', { exp: inSeconds(3600) }, SECRET, 'sub'],
    ['of a user that is a number', { sub: 7, exp: inSeconds(3600) }, SECRET, '1 to 128'],
    ['signed by someone else', { sub: 'ann', exp: inSeconds(3600) }, `other ${SECRET}`, 'signed'],
    ['of a user that cannot be', { sub: 'a b', exp: inSeconds(3600) }, SECRET, '1 to 128'],
  ])('one %s is refused', async (_name, claims, secret, words) => {
    const bad = await token(claims, secret);
    const url = `ws://${addressOf(signed)}/v1/ws?access_token=${bad}`;
    const refused = await refusedUpgrade(url);
    expect(refused.status).toBe(401);
    expect(refused.text).toContain(words);
  });

  test('a dev token is no token there', async () => {
    const url = `ws://${addressOf(signed)}/v1/ws?access_token=dev:ann`;
    expect((await refusedUpgrade(url)).status).toBe(401);
  });
});

interface ServerSentEvent {
  readonly event?: string;
  readonly id?: string;
  readonly data?: string;
}

function parseEvents(text: string): ServerSentEvent[] {
  const blocks = text.split('\n\n').filter((block) => block.startsWith('event:'));
  return blocks.map((block) => {
    const fields = block
      .split('\n')
      .map((line) => [line.split(':', 1)[0], line.replace(/^\w+: /, '')]);
    return Object.fromEntries(fields) as ServerSentEvent;
  });
}

describe('server-sent events', () => {
  /** Ages are whole milliseconds, and two clocks are read. */
  const ROUNDING_MS = 20;
  async function listen(userId: string, to = gateway) {
    const url = `http://${addressOf(to)}/v1/events?access_token=dev:${userId}`;
    const req = get(url, { agent: false });
    const [response] = (await once(req, 'response')) as [IncomingMessage];
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('error', () => undefined);
    return {
      contentType: response.headers['content-type'],
      events: () => parseEvents(text),
      hasEnded: () => response.readableEnded,
      close: () => req.destroy(),
    };
  }

  test('the same frames, and the user is online while connected', async () => {
    await mesh.befriend('sue', 'tom');
    using sue = await join(gateway, 'sue');
    const tom = await listen('tom');
    await sue.sees('tom', 'STATUS_ONLINE');
    expect(tom.contentType).toContain('text/event-stream');
    await eventually(() => tom.events().length >= 2);
    const [welcome, snapshot] = tom.events();
    expect(welcome).toMatchObject({ event: 'welcome', id: '1' });
    expect(JSON.parse(String(snapshot?.data))).toMatchObject({
      n: '2',
      snapshot: { presences: [{ userId: 'sue', status: 'STATUS_ONLINE' }], last: true },
    });
    sue.send({ setStatus: { status: 'STATUS_AWAY' } });
    await eventually(() => tom.events().some(({ event }) => event === 'update'));
    tom.close();
    await sue.sees('tom', 'STATUS_OFFLINE');
  });

  test('whoever listens is there for longer than a lease: the gateway beats for them', async () => {
    const leaseTtlMs = 5000;
    await using brief = await startInProcessMesh({ leaseTtlMs });
    const tom = await listen('tom', await brief.addGateway());
    const lastBeatMs = async (): Promise<number> => {
      const [session] = (await brief.store.inspect('tom')).sessions;
      if (!session) throw new Error('no session');
      return session.lastBeatMs;
    };
    const openedMs = await eventually(lastBeatMs);
    await eventually(async () => (await lastBeatMs()) > openedMs + leaseTtlMs);
    const beforeMs = (await brief.store.inspect('tom')).nowMs;
    tom.close();
    await eventually(async () => {
      const { settled } = await brief.store.inspect('tom');
      expect(settled.status).toBe('OFFLINE');
      expect(settled.lastActiveMs).toBeGreaterThanOrEqual(beforeMs - ROUNDING_MS);
    });
  });

  test('the 21st connection of a user is told so and ended', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => join(gateway, 'crowd')));
    const last = await listen('crowd');
    await eventually(() => last.hasEnded());
    const [farewell] = last.events();
    expect(farewell?.event).toBe('close');
    expect(JSON.parse(String(farewell?.data))).toMatchObject({ code: 4004, mayReconnect: false });
    for (const client of clients) client[Symbol.dispose]();
  });
});
