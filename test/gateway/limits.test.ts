/** What one user may not take from all others. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import type { Gateway } from '../../gateway/app.ts';
import { CLOSE } from '../../gateway/protocol/close-codes.ts';
import { JSON_TEXT } from '../../gateway/protocol/frames.ts';
import { Outlet } from '../../gateway/sessions/outlet.ts';
import { RequestRate } from '../../gateway/limits/request-rate.ts';
import type { Sink } from '../../gateway/sessions/sink.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import type { EdgeClient } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { addressOf, join, startInProcessMesh, type InProcessMesh } from './in-process-mesh.ts';

let mesh: InProcessMesh;
let gateway: Gateway;

beforeAll(async () => {
  mesh = await startInProcessMesh();
  gateway = await mesh.addGateway();
});
afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
});

const lookUp = async (userId: string, at = gateway): Promise<Response> => {
  const path = `/v1/presence?user_id=bob&access_token=dev:${userId}`;
  const response = await fetch(`http://${addressOf(at)}${path}`, {
    headers: { connection: 'close' },
  });
  await response.clone().text();
  return response;
};

test('requests of one user are limited, those for a WebSocket too; others are served', async () => {
  const strict = await mesh.addGateway({ limits: { requests: { perSecond: 0.001, burst: 3 } } });
  for (let i = 0; i < 3; i++) expect((await lookUp('greedy', strict)).status).toBe(200);
  const refused = await lookUp('greedy', strict);
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.json()).toEqual({
    error: {
      code: 'RESOURCE_EXHAUSTED',
      message: expect.stringContaining('too many requests of this user') as unknown,
    },
  });
  const url = `ws://${addressOf(strict)}/v1/ws?access_token=dev:greedy`;
  const [error] = (await once(new WebSocket(url), 'error')) as [Error];
  expect(error.message).toContain('429');
  expect((await lookUp('modest', strict)).status).toBe(200);
});

test('whoever made too many requests is served again later, and is not kept in mind', () => {
  const clock = createManualClock(0);
  const rate = new RequestRate({ perSecond: 2, burst: 2 }, clock);
  const served = (): number => [1, 2, 3, 4].filter(() => rate.allows('greedy')).length;
  expect(served()).toBe(2);
  clock.advance(500);
  expect(served()).toBe(1);
  clock.advance(10_000);
  expect(served()).toBe(2);
});

test('pings count as frames do', async () => {
  const socket = new WebSocket(`ws://${addressOf(gateway)}/v1/ws?access_token=dev:pinger`);
  await once(socket, 'open');
  for (let i = 0; i < 200; i++) socket.ping();
  const [code] = (await once(socket, 'close')) as [number];
  expect(code).toBe(CLOSE.rate.code);
});

test('a client that does not read is slow also when nothing is written to it', () => {
  const clock = createManualClock(0);
  let hasRoom = true;
  const sink = { codec: JSON_TEXT, hasRoom: () => hasRoom, cork: (task) => task() } as Sink;
  const outlet = new Outlet(sink, clock, () => undefined);
  expect(outlet.slowForMs()).toBe(0);
  hasRoom = false;
  expect(outlet.slowForMs()).toBe(0);
  clock.advance(5000);
  expect(outlet.slowForMs()).toBe(5000);
  hasRoom = true;
  outlet.drained();
  expect(outlet.slowForMs()).toBe(0);
});

test('a view asked for again and again is sent about once a second', async () => {
  using client = await join(gateway, 'asker');
  const snapshots = (): number => client.frames.filter(({ snapshot }) => snapshot).length;
  for (let i = 0; i < 12; i++) client.send({ resync: {} });
  await eventually(() => snapshots() >= 2);
  client.send({ setStatus: { status: 'STATUS_BUSY' } });
  await eventually(async () => (await mesh.store.inspect('asker')).settled.status === 'BUSY');
  // One from joining; one at once if that was long ago; one for all the others.
  expect(snapshots()).toBeLessThanOrEqual(3);
});

test('views of one user are limited together, on however many connections they are asked for', async () => {
  let views = 0;
  const aroundStore = (store: PresenceStore): PresenceStore => ({
    ...store,
    lookup: (shard, userIds) => {
      if (userIds.includes('friend-of-many')) views++;
      return store.lookup(shard, userIds);
    },
  });
  await using own = await startInProcessMesh({ aroundStore });
  await own.befriend('many', 'friend-of-many');
  const at = await own.addGateway();
  const startedAtMs = performance.now();
  const clients = await Promise.all(Array.from({ length: 15 }, () => join(at, 'many')));
  const snapshots = (client: EdgeClient): number =>
    client.frames.filter(({ snapshot }) => snapshot).length;
  for (let round = 2; round <= 4; round++) {
    for (const client of clients) client.send({ resync: {} });
    await eventually(() => clients.every((client) => snapshots(client) >= round));
  }
  const seconds = (performance.now() - startedAtMs) / 1000;
  // 15 connections got four each. Ten views at once and one a second; one may be under way.
  expect(views).toBeLessThanOrEqual(10 + seconds + 1);
  expect(snapshots(await join(at, 'another'))).toBe(1);
  for (const client of clients) client[Symbol.dispose]();
});

/** All that comes over one connection, until the server closes it; each text is sent after the answer to the one before. */
async function talk(...texts: readonly string[]): Promise<string> {
  const socket = connect(gateway.port, '127.0.0.1');
  const left = [...texts];
  let got = '';
  const closed = new Promise((resolve) => socket.once('close', resolve));
  // Whoever closes without having read all resets the connection.
  socket.on('error', () => undefined);
  socket.write(left.shift() ?? '');
  socket.on('data', (chunk: Buffer) => {
    got += chunk.toString();
    const next = got.endsWith('\r\n\r\n') && left.shift();
    if (next) socket.write(next);
  });
  await closed;
  return got;
}

const GET = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

test.each(['/healthz', '/', '/v1/events?access_token=dev:head', '/nowhere'])(
  'a HEAD of %s is answered without a body, and the next answer is in its place',
  async (path) => {
    const got = await talk(`HEAD ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`, GET);
    const [head, next, body] = got.split('\r\n\r\n');
    expect(head).toMatch(path === '/nowhere' ? /^HTTP\/1.1 404/ : /^HTTP\/1.1 200/);
    expect(next).toMatch(/^HTTP\/1.1 200/);
    expect(body).toBe('{"status":"ok"}');
    expect((await mesh.store.inspect('head')).sessions).toEqual([]);
  },
);

test('a body that is too long ends the connection', async () => {
  const start =
    'PUT /v1/notifications/bob HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n';
  const got = await talk(start + 'x'.repeat(9000));
  expect(got).toMatch(/^HTTP\/1.1 413/);
});
