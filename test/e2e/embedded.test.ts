/** What a newcomer does: one process, two plain clients. Runs the built command line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import type { ClientPool } from '../../lib/grpc/client.ts';
import { openGraph } from '../support/clients.ts';
import { connect, open } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import { startEmbedded, type EmbeddedMesh } from '../support/mesh.ts';

/** Longer than anything is waited for: who is gone earlier is so because of what they did. */
const LEASE_TTL_MS = 120_000;
const BRIEF_TTL_MS = 4000;
let mesh: EmbeddedMesh;
let graph: ClientPool<GraphServiceClient>;

beforeAll(async () => {
  mesh = await startEmbedded({
    MESH_LEASE_TTL_MS: String(LEASE_TTL_MS),
    MESH_HEARTBEAT_INTERVAL_MS: '300',
    MESH_CLOSE_GRACE_MS: '300',
  });
  graph = openGraph(mesh.grpcAddress);
});

afterAll(async () => {
  graph[Symbol.dispose]();
  await mesh[Symbol.asyncDispose]();
});

const befriend = (userId: string, friendUserId: string) =>
  graph.unary((client) => client.befriend, { userId, friendUserId });

test('friends see each other come, be busy, and go after the grace', async () => {
  await befriend('alice', 'bob');
  using alice = await connect(mesh.address, 'alice', { heartbeatMs: 300 });
  expect(alice.statusOf('bob')).toBe('STATUS_OFFLINE');
  const bob = await connect(mesh.address, 'bob', { heartbeatMs: 300 });
  expect(bob.statusOf('alice')).toBe('STATUS_ONLINE');
  await alice.sees('bob', 'STATUS_ONLINE');
  bob.send({ setStatus: { status: 'STATUS_BUSY' } });
  const busy = await alice.sees('bob', 'STATUS_BUSY');
  expect(busy.mode).toBe('MODE_PUSH');
  bob.close();
  const gone = await alice.sees('bob', 'STATUS_OFFLINE');
  expect(BigInt(gone.version ?? 0)).toBeGreaterThan(BigInt(busy.version ?? 0));
  expect(alice.gaps).toBe(0);
});

test('the console is served, whole', async () => {
  const get = (path: string) =>
    fetch(`http://${mesh.address}${path}`, { headers: { connection: 'close' } });
  const page = await (await get('/')).text();
  const files = [...page.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, path]) => path!);
  expect(files.sort()).toEqual(['/console/icon.svg', '/console/main.js', '/console/style.css']);
  for (const file of files) expect([file, (await get(file)).status]).toEqual([file, 200]);
});

test('a client whose connection is cut goes after the grace too', async () => {
  await befriend('carol', 'dave');
  using carol = await connect(mesh.address, 'carol', { heartbeatMs: 300 });
  const dave = await connect(mesh.address, 'dave', { heartbeatMs: 300 });
  await carol.sees('dave', 'STATUS_ONLINE');
  dave.cut();
  await carol.sees('dave', 'STATUS_OFFLINE');
});

const FROZEN_CLIENT = `
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(process.argv[1]);
  socket.on('open', () => setInterval(() => socket.send('{"heartbeat":{}}'), 100));
  socket.on('message', () => process.send?.('seen'));
`;

test('a client stopped with SIGSTOP goes at its deadline, and is back when it goes on', async () => {
  await using brief = await startEmbedded({
    MESH_LEASE_TTL_MS: String(BRIEF_TTL_MS),
    MESH_HEARTBEAT_INTERVAL_MS: '300',
  });
  using briefGraph = openGraph(brief.grpcAddress);
  const friends = { userId: 'erin', friendUserId: 'frank' };
  await briefGraph.unary((client) => client.befriend, friends);
  using erin = await connect(brief.address, 'erin', { heartbeatMs: 300 });
  const url = `ws://${brief.address}/v1/ws?access_token=dev:frank`;
  const frank = spawn(process.execPath, ['--input-type=module', '-e', FROZEN_CLIENT, url], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  try {
    const online = await erin.sees('frank', 'STATUS_ONLINE');
    frank.kill('SIGSTOP');
    const offline = await erin.sees('frank', 'STATUS_OFFLINE');
    // Told no earlier than a lease after the last heartbeat the mesh can have heard.
    const wentAt = Number(offline.version);
    const lastBeatAt = Date.parse(offline.lastActive ?? '');
    expect(wentAt - lastBeatAt).toBeGreaterThanOrEqual(BRIEF_TTL_MS);
    expect(lastBeatAt).toBeGreaterThanOrEqual(Date.parse(online.lastActive ?? ''));
    frank.kill('SIGCONT');
    await erin.sees('frank', 'STATUS_ONLINE');
  } finally {
    frank.kill('SIGKILL');
    await once(frank, 'exit');
  }
});

test('one person on two devices is there until the second one leaves', async () => {
  await befriend('gina', 'hank');
  using gina = await connect(mesh.address, 'gina', { heartbeatMs: 300 });
  const phone = await connect(mesh.address, 'hank', { heartbeatMs: 300 });
  const laptop = await connect(mesh.address, 'hank', { heartbeatMs: 300 });
  await gina.sees('hank', 'STATUS_ONLINE');
  const updates = () => gina.frames.filter(({ update }) => update).length;
  const before = updates();
  phone.send({ logout: {} });
  expect(await phone.whenClosed()).toBe(1000);
  laptop.send({ setStatus: { status: 'STATUS_AWAY' } });
  await gina.sees('hank', 'STATUS_AWAY');
  expect(updates()).toBe(before + 1);
  laptop.send({ logout: {} });
  await gina.sees('hank', 'STATUS_OFFLINE');
});

test('an edge that changes is seen on open screens: befriended, blocked, unblocked, parted', async () => {
  using ivy = await connect(mesh.address, 'ivy', { heartbeatMs: 300 });
  using jack = await connect(mesh.address, 'jack', { heartbeatMs: 300 });
  expect(ivy.view.size).toBe(0);
  await befriend('ivy', 'jack');
  await ivy.sees('jack', 'STATUS_ONLINE');
  await jack.sees('ivy', 'STATUS_ONLINE');
  await graph.unary((client) => client.block, { userId: 'jack', blockedUserId: 'ivy' });
  await ivy.sees('jack', 'STATUS_OFFLINE');
  await jack.sees('ivy', 'STATUS_OFFLINE');
  await graph.unary((client) => client.unblock, { userId: 'jack', blockedUserId: 'ivy' });
  await ivy.sees('jack', 'STATUS_ONLINE');
  await graph.unary((client) => client.unfriend, { userId: 'ivy', friendUserId: 'jack' });
  await eventually(() => expect(ivy.view.has('jack')).toBe(false));
  await eventually(() => expect(jack.view.has('ivy')).toBe(false));
});

test('who may not be seen is not seen: REST look-up', async () => {
  await befriend('kim', 'leo');
  using leo = await connect(mesh.address, 'leo', { heartbeatMs: 300 });
  const url = `http://${mesh.address}/v1/presence?user_id=leo&user_id=ivy&user_id=nobody`;
  const response = await fetch(url, { headers: { authorization: 'Bearer dev:kim' } });
  const { presences } = (await response.json()) as { presences: Record<string, string>[] };
  expect(presences.map((one) => [one['userId'], one['status'], one['version'] ?? '0'])).toEqual([
    ['leo', 'STATUS_ONLINE', expect.stringMatching(/^\d{13}/)],
    ['ivy', 'STATUS_OFFLINE', '0'],
    ['nobody', 'STATUS_OFFLINE', '0'],
  ]);
  expect(leo.gaps).toBe(0);
});

test('who must not come in does not: no token, a bad token', async () => {
  const noToken = await fetch(`http://${mesh.address}/v1/presence?user_id=leo`);
  expect(noToken.status).toBe(401);
  using bad = open(mesh.address, 'mallory', { token: 'nonsense' });
  await eventually(() => expect(bad.closed).toBeDefined());
  expect(bad.frames).toEqual([]);
});
