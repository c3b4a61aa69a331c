/** What clients see when they misbehave, and when something behind the gateway does. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { GatewayRecord } from '../../gen/fanout/v1/messages.ts';
import type { EdgeClient } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import { addressOf, join, startInProcessMesh, type InProcessMesh } from './in-process-mesh.ts';

let mesh: InProcessMesh;

beforeEach(async () => {
  mesh = await startInProcessMesh();
});

afterEach(async () => {
  await mesh[Symbol.asyncDispose]();
});

describe('a client that misbehaves', () => {
  test('is told what is wrong with a frame, and closed with 4002 after the third', async () => {
    const gateway = await mesh.addGateway();
    using client = await join(gateway, 'alice');
    client.sendRaw('{"hello":{}}');
    client.sendRaw(new Uint8Array([1, 2, 3]));
    client.sendRaw(`{"watch":{"userIds":["${'x'.repeat(20_000)}"]}}`);
    expect(await client.whenClosed()).toBe(4002);
    const errors = client.frames.flatMap(({ error }) => error ?? []);
    expect(errors.map(({ code }) => code)).toEqual([
      'ERROR_CODE_BAD_FRAME',
      'ERROR_CODE_BAD_FRAME',
      'ERROR_CODE_TOO_LARGE',
    ]);
    expect(errors[0]?.message).toContain('"hello"');
    expect(errors[1]?.message).toContain('text messages');
    expect(errors[2]?.message).toContain('16384');
  });

  test('is told of the limit once, and closed with 4003 when it goes on', async () => {
    const gateway = await mesh.addGateway({ limits: { rate: { perSecond: 0.001, burst: 5 } } });
    using client = await join(gateway, 'alice', { heartbeatMs: 3_600_000 });
    for (let i = 0; i < 12; i++) client.send({ heartbeat: {} });
    expect(await client.whenClosed()).toBe(4003);
    const errors = client.frames.flatMap(({ error }) => error ?? []);
    expect(errors).toMatchObject([{ code: 'ERROR_CODE_RATE' }]);
    expect(client.frames.filter(({ ack }) => ack)).toHaveLength(5);
  });

  test('is cut off when it sends far more than a frame', async () => {
    const gateway = await mesh.addGateway();
    using client = await join(gateway, 'alice');
    client.sendRaw('x'.repeat(100_000));
    expect([1006, 1009]).toContain(await client.whenClosed());
  });
});

test('a gateway that stops tells its clients, shortens no lease, and leaves nothing behind', async () => {
  await mesh.befriend('alice', 'bob');
  const gateway = await mesh.addGateway({ drainMs: 300 });
  const other = await mesh.addGateway();
  using bob = await join(other, 'bob');
  using alice = await join(gateway, 'alice');
  await bob.sees('alice', 'STATUS_ONLINE');
  const topic = `presence-updates.${gateway.gatewayId}`;
  expect(await mesh.bus.listTopics(topic)).toEqual([topic]);
  const stopped = gateway[Symbol.asyncDispose]();
  await eventually(() => alice.frames.some(({ goingAway }) => goingAway));
  await expect(fetch(`http://${addressOf(gateway)}/healthz`)).rejects.toThrow();
  expect(await alice.whenClosed()).toBe(4000);
  const [session] = (await mesh.store.inspect('alice')).sessions;
  expect(session?.closing).toBe(false);
  expect(session?.remainingMs).toBeGreaterThan(300);
  expect(bob.statusOf('alice')).toBe('STATUS_ONLINE');
  await stopped;
  expect(await mesh.bus.listTopics(topic)).toEqual([]);
  const { gateways } = await mesh.registry.unary((c) => c.listGateways, {});
  expect(gateways.map(({ gatewayId }) => gatewayId)).not.toContain(gateway.gatewayId);
});

test('after a loss of data every session is registered again, and every view read again', async () => {
  await mesh.befriend('alice', 'bob');
  const gateway = await mesh.addGateway();
  using alice = await join(gateway, 'alice');
  using bob = await join(gateway, 'bob');
  await alice.sees('bob', 'STATUS_ONLINE');
  const before = BigInt(alice.view.get('bob')?.version ?? 0);
  for (let shard = 0; shard < mesh.store.shardCount; shard++) {
    await mesh.store.fence(shard, { truncate: false });
  }
  const welcomes = ({ frames }: EdgeClient) => frames.filter(({ welcome }) => welcome);
  for (const client of [alice, bob]) {
    await eventually(() => expect(welcomes(client)).toHaveLength(2));
  }
  // One snapshot with the registration, under hold, and one after it.
  const snapshots = (): number => alice.frames.filter(({ snapshot }) => snapshot?.last).length;
  await eventually(() => snapshots() >= 3);
  bob.send({ setStatus: { status: 'STATUS_BUSY' } });
  const seen = await alice.sees('bob', 'STATUS_BUSY');
  expect(BigInt(seen.version ?? 0)).toBeGreaterThan(before);
});

test('after a loss of data one who is invisible stays so, though the device that chose it has left', async () => {
  const gateway = await mesh.addGateway();
  await mesh.befriend('alice', 'bob');
  using alice = await join(gateway, 'alice');
  const phone = await join(gateway, 'bob');
  await alice.sees('bob', 'STATUS_ONLINE');
  phone.send({ setStatus: { status: 'STATUS_INVISIBLE' } });
  await alice.sees('bob', 'STATUS_OFFLINE');
  using laptop = await join(gateway, 'bob');
  phone.send({ logout: {} });
  await phone.whenClosed();
  const seen = alice.frames.length;
  mesh.loseData();
  const snapshots = (): number => alice.frames.slice(seen).filter((one) => one.snapshot).length;
  await eventually(async () => {
    const bob = await mesh.store.inspect('bob');
    expect(bob).toMatchObject({ chosen: 'INVISIBLE', holdMs: 0, settled: { status: 'OFFLINE' } });
    expect(bob.sessions).toHaveLength(1);
    // Registered again, and once more after the hold.
    expect(snapshots()).toBeGreaterThan(1);
  });
  expect(JSON.stringify(alice.frames.slice(seen))).not.toContain('STATUS_ONLINE');
  expect(laptop.closed).toBeUndefined();
});

test('a topic that vanishes is made anew, and views are read again', async () => {
  await mesh.befriend('alice', 'bob');
  const gateway = await mesh.addGateway();
  using alice = await join(gateway, 'alice');
  const seen = alice.frames.length;
  await mesh.bus.deleteTopics([`presence-updates.${gateway.gatewayId}`]);
  await eventually(() => alice.frames.slice(seen).some(({ snapshot }) => snapshot?.last));
  using bob = await join(gateway, 'bob');
  await alice.sees('bob', 'STATUS_ONLINE');
  expect(bob.closed).toBeUndefined();
});

test('a record that is no record is passed over', async () => {
  await mesh.befriend('alice', 'bob');
  const gateway = await mesh.addGateway();
  using alice = await join(gateway, 'alice');
  const topic = `presence-updates.${gateway.gatewayId}`;
  const empty = GatewayRecord.encode({ payload: undefined }).finish();
  await mesh.bus.send(topic, [{ value: new Uint8Array([255, 255]) }, { value: empty }]);
  using bob = await join(gateway, 'bob');
  await alice.sees('bob', 'STATUS_ONLINE');
  expect(bob.closed).toBeUndefined();
});

test('a short absence of presence is bridged; who comes meanwhile waits for it', async () => {
  await mesh.befriend('alice', 'bob');
  const gateway = await mesh.addGateway();
  using alice = await join(gateway, 'alice');
  await mesh.stopPresence();
  const joining = join(gateway, 'bob');
  alice.send({ setStatus: { status: 'STATUS_BUSY' } });
  await eventually(() =>
    alice.frames.some(({ error }) => error?.code === 'ERROR_CODE_UNAVAILABLE'),
  );
  await eventually(() => gateway.problems().some((problem) => problem.startsWith('presence:')));
  await eventually(() => gateway.connections() === 2);
  await mesh.startPresence();
  using bob = await joining;
  await alice.sees('bob', 'STATUS_ONLINE');
  expect(bob.statusOf('alice')).toBe('STATUS_ONLINE');
  await eventually(() => gateway.problems().length === 0);
  expect(alice.closed).toBeUndefined();
});

test('clients are told what they can do and nothing of the inside; the log has the rest', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const gateway = await mesh.addGateway({ logger: log });
  using alice = await join(gateway, 'alice');
  const ask = async (path: string, token?: string) => {
    const headers = { connection: 'close', ...(token && { authorization: `Bearer ${token}` }) };
    const response = await fetch(`http://${addressOf(gateway)}${path}`, { headers });
    return { status: response.status, text: await response.text() };
  };
  await mesh.stopPresence();
  alice.send({ setStatus: { status: 'STATUS_BUSY' } });
  const errors = () => alice.frames.flatMap(({ error }) => error ?? []);
  await eventually(() => errors().length > 0);
  await eventually(() => gateway.problems().some((problem) => problem.startsWith('presence:')));
  const rest = await ask('/v1/presence?user_id=bob', 'dev:alice');
  const ready = await ask('/readyz');
  expect([rest.status, ready.status]).toEqual([503, 503]);
  expect(ready.text).toContain('"presence: not working; the log says why"');
  const told = [errors()[0]!.message, rest.text];
  for (const text of told) expect(text).toContain('try again in a few seconds');
  for (const text of [...told, ready.text]) expect(text).not.toMatch(/127\.0\.0\.1|ECONN|\d{4,}:/);
  for (const text of told) {
    const [, reference] = /reference (\w{8})/.exec(text)!;
    const line = lines.find((logged) => logged.includes(reference!));
    expect(line).toMatch(/"userId":"alice","problem":"presence at \S+:\d+/);
  }
  expect(lines.join('')).toContain('"upstream":"presence"');
  expect((await ask('/readyz', 'dev:root')).text).toMatch(/"presence: \S+:\d+/);
  expect((await ask('/readyz', 'nonsense')).text).not.toMatch(/:\d/);
});

test('a gateway whose lease ended for a moment keeps its connections, and reads every view again', async () => {
  let isRefused = false;
  const registry: typeof mesh.registry = {
    ...mesh.registry,
    unary(method, request, settings) {
      const isRenewal = typeof request === 'object' && request && 'release' in request;
      if (isRefused && isRenewal) return Promise.reject(new Error('not now'));
      return mesh.registry.unary(method, request, settings);
    },
  };
  const gateway = await mesh.addGateway({ registry });
  using alice = await join(gateway, 'alice');
  const seen = alice.frames.length;
  isRefused = true;
  await eventually(() => gateway.problems().some((problem) => problem.includes('lease: ended')));
  isRefused = false;
  await eventually(() => alice.frames.slice(seen).some(({ snapshot }) => snapshot?.last));
  expect(alice.closed).toBeUndefined();
});

test('a gateway whose lease has ended for long closes its connections, and serves again when it has one', async () => {
  const gateway = await mesh.addGateway();
  using alice = await join(gateway, 'alice');
  await mesh.stopPresence();
  expect(await alice.whenClosed()).toBe(4006);
  const refused = await fetch(`http://${addressOf(gateway)}/readyz`, {
    headers: { connection: 'close' },
  });
  expect(refused.status).toBe(503);
  expect(await refused.text()).toContain('lease');
  await mesh.startPresence();
  await eventually(() => gateway.problems().length === 0);
  using again = await join(gateway, 'alice');
  expect(again.closed).toBeUndefined();
});

test('a client that does not read is kept the newest of each subject only', async () => {
  await mesh.befriend('alice', 'bob');
  const gateway = await mesh.addGateway();
  const socket = new WebSocket(`ws://${addressOf(gateway)}/v1/ws?access_token=dev:alice`);
  const statuses: string[] = [];
  socket.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString()) as { update?: { presences: { status: string }[] } };
    for (const { status } of frame.update?.presences ?? []) statuses.push(status);
  });
  await eventually(() => socket.readyState === WebSocket.OPEN && gateway.connections() === 1);
  using bob = await join(gateway, 'bob');
  await eventually(() => statuses.includes('STATUS_ONLINE'));
  socket.pause();
  const topic = `presence-updates.${gateway.gatewayId}`;
  const long = 'x'.repeat(128);
  const flood = Array.from({ length: 60_000 }, (_, i) => ({
    value: GatewayRecord.encode({
      payload: {
        $case: 'delivery',
        value: {
          recipientUserIds: ['alice'],
          change: {
            $case: 'update',
            value: {
              userId: long,
              status: 2,
              lastActive: undefined,
              version: BigInt(i + 1),
              mode: 1,
            },
          },
          settledAt: undefined,
          cause: 0,
          causedAt: undefined,
          sentAt: undefined,
          quiet: false,
          viewRevision: 0n,
        },
      },
    }).finish(),
  }));
  for (let from = 0; from < flood.length; from += 1000) {
    await mesh.bus.send(topic, flood.slice(from, from + 1000));
  }
  bob.send({ setStatus: { status: 'STATUS_BUSY' } });
  await eventually(async () => (await mesh.store.inspect('bob')).settled.status === 'BUSY');
  socket.resume();
  await eventually(() => statuses.at(-1) === 'STATUS_BUSY' || statuses.includes('STATUS_BUSY'));
  expect(statuses.length).toBeLessThan(50_000);
  socket.terminate();
});
