/** Sessions over real sockets, with real presence, graph and fanout behind them. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Gateway } from '../../gateway/app.ts';
import { eventually } from '../support/eventually.ts';
import { join, startInProcessMesh, type InProcessMesh } from './in-process-mesh.ts';

let mesh: InProcessMesh;
let east: Gateway;
let west: Gateway;

beforeAll(async () => {
  mesh = await startInProcessMesh();
  [east, west] = await Promise.all([
    mesh.addGateway({ gatewayName: 'east' }),
    mesh.addGateway({ gatewayName: 'west' }),
  ]);
});

afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
});

test('friends on two gateways see each other come, change and go', async () => {
  await mesh.befriend('alice', 'bob');
  using alice = await join(east, 'alice');
  expect(alice.frames[0]?.welcome).toMatchObject({ userId: 'alice', leaseTtl: '60s' });
  expect(alice.statusOf('bob')).toBe('STATUS_OFFLINE');
  // Its heartbeats would say at once that it is active again.
  const bob = await join(west, 'bob', { heartbeatMs: 3_600_000 });
  expect(bob.statusOf('alice')).toBe('STATUS_ONLINE');
  await alice.sees('bob', 'STATUS_ONLINE');
  bob.send({ setStatus: { status: 'STATUS_BUSY' } });
  await alice.sees('bob', 'STATUS_BUSY');
  bob.send({ set_status: {} });
  await alice.sees('bob', 'STATUS_ONLINE');
  bob.send({ heartbeat: { activity: 'ACTIVITY_IDLE' } });
  await alice.sees('bob', 'STATUS_AWAY');
  bob.close();
  await alice.sees('bob', 'STATUS_OFFLINE');
  expect(alice.gaps).toBe(0);
});

test('a client that logs out is offline at once, and its connection closes', async () => {
  await mesh.befriend('carol', 'dave');
  using carol = await join(east, 'carol');
  using dave = await join(west, 'dave');
  await carol.sees('dave', 'STATUS_ONLINE');
  dave.send({ logout: {} });
  await carol.sees('dave', 'STATUS_OFFLINE');
  expect(await dave.whenClosed()).toBe(1000);
});

test('a silent client goes offline at its deadline, and a heartbeat brings it back with a snapshot', async () => {
  await using brief = await startInProcessMesh({ leaseTtlMs: 6000 });
  await brief.befriend('erin', 'frank');
  using erin = await join(await brief.addGateway(), 'erin');
  using frank = await join(await brief.addGateway(), 'frank', { heartbeatMs: 3_600_000 });
  await erin.sees('frank', 'STATUS_ONLINE');
  await erin.sees('frank', 'STATUS_OFFLINE');
  expect(frank.closed).toBeUndefined();
  const welcomes = (): number => frank.frames.filter(({ welcome }) => welcome).length;
  expect(welcomes()).toBe(1);
  frank.send({ heartbeat: {} });
  await erin.sees('frank', 'STATUS_ONLINE');
  await eventually(() => welcomes() === 2);
  const sessions = new Set(frank.frames.flatMap(({ welcome }) => welcome?.sessionId ?? []));
  expect(sessions.size).toBe(1);
  await eventually(() => frank.frames.filter(({ snapshot }) => snapshot?.last).length > 1);
});

test('a heartbeat is answered with the number of the last frame', async () => {
  using client = await join(east, 'gina');
  await eventually(() => client.frames.some(({ ack }) => ack));
  const at = client.frames.findIndex(({ ack }) => ack);
  expect(client.frames[at]?.n).toBe(client.frames[at - 1]?.n);
});

test('a heartbeat in an unusual spelling is one, and changes nothing', async () => {
  using client = await join(east, 'gus');
  const acks = (): number => client.frames.filter(({ ack }) => ack).length;
  const before = acks();
  for (let i = 0; i < 5; i++) client.sendRaw('{ "heartbeat": { } }');
  client.send({ setStatus: { status: 'STATUS_BUSY' } });
  await eventually(async () => (await mesh.store.inspect('gus')).settled.status === 'BUSY');
  await eventually(() => expect(acks() - before).toBeGreaterThanOrEqual(5));
  expect((await mesh.store.inspect('gus')).sessions[0]?.epoch).toBe(0);
});

test('a resync sends the snapshot again, without a welcome', async () => {
  await mesh.befriend('hana', 'ivan');
  using hana = await join(east, 'hana');
  hana.send({ resync: {} });
  await eventually(() => hana.frames.filter(({ snapshot }) => snapshot?.last).length > 1);
  expect(hana.frames.filter(({ welcome }) => welcome)).toHaveLength(1);
});

test('who blocks sees it at once, and no version but theirs tells of it', async () => {
  await mesh.befriend('mia', 'noah');
  using mia = await join(east, 'mia');
  using noah = await join(west, 'noah');
  await mia.sees('noah', 'STATUS_ONLINE');
  await noah.sees('mia', 'STATUS_ONLINE');
  const versionOf = async (userId: string) => (await mesh.store.inspect(userId)).settled.version;
  const [ofMia, ofNoah] = [await versionOf('mia'), await versionOf('noah')];
  const edge = { userId: 'mia', blockedUserId: 'noah' };
  await mesh.graph.unary((c) => c.block, edge);
  await Promise.all([mia.sees('noah', 'STATUS_OFFLINE'), noah.sees('mia', 'STATUS_OFFLINE')]);
  await mesh.graph.unary((c) => c.unblock, edge);
  await Promise.all([mia.sees('noah', 'STATUS_ONLINE'), noah.sees('mia', 'STATUS_ONLINE')]);
  expect(await versionOf('noah')).toBe(ofNoah);
  expect(await versionOf('mia')).toBeGreaterThan(ofMia);
});

test('an end of a friendship leaves both views, a block shows offline', async () => {
  await mesh.befriend('jack', 'kate');
  using jack = await join(east, 'jack');
  using kate = await join(west, 'kate');
  await jack.sees('kate', 'STATUS_ONLINE');
  await mesh.graph.unary((c) => c.block, { userId: 'kate', blockedUserId: 'jack' });
  await jack.sees('kate', 'STATUS_OFFLINE');
  await mesh.graph.unary((c) => c.unblock, { userId: 'kate', blockedUserId: 'jack' });
  await jack.sees('kate', 'STATUS_ONLINE');
  await mesh.graph.unary((c) => c.unfriend, { userId: 'kate', friendUserId: 'jack' });
  await eventually(() => !jack.view.has('kate') && !kate.view.has('jack'));
});
