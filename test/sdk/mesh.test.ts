/** The client against real gateways: what breaks is mended, and friends notice nothing they should not. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SignJWT } from 'jose';
import type { Gateway } from '../../gateway/app.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { addressOf, startInProcessMesh, type InProcessMesh } from '../gateway/in-process-mesh.ts';
import { openGraph } from '../support/clients.ts';
import { eventually } from '../support/eventually.ts';
import { startEmbedded } from '../support/mesh.ts';
import { createPerson, type Person } from './person.ts';

test('the embedded mesh: friends see each other come, choose, idle, and log out', async () => {
  await using mesh = await startEmbedded({ MESH_HEARTBEAT_INTERVAL_MS: '300' });
  using graph = openGraph(mesh.grpcAddress);
  await graph.unary((c) => c.befriend, { userId: 'alice', friendUserId: 'bob' });
  const url = `http://${mesh.address}`;
  using alice = createPerson('alice', { url });
  await alice.sees('bob', 'OFFLINE');
  using bob = createPerson('bob', { url, device: 'laptop' });
  await alice.sees('bob', 'ONLINE');
  await bob.sees('alice', 'ONLINE');
  bob.client.setIdle(true);
  await alice.sees('bob', 'AWAY');
  bob.client.setStatus('BUSY');
  await alice.sees('bob', 'BUSY');
  bob.client.clearStatus();
  await alice.sees('bob', 'AWAY');
  bob.client.setIdle(false);
  await alice.sees('bob', 'ONLINE');
  bob.client.logout();
  await alice.sees('bob', 'OFFLINE');
  await eventually(() =>
    expect(bob.client.getConnection()).toMatchObject({ closing: { reason: 'logged out' } }),
  );
});

describe('with gateways that come and go', () => {
  let mesh: InProcessMesh;
  let gateway: Gateway;
  let url: string;

  beforeEach(async () => {
    mesh = await startInProcessMesh({
      maxFollowers: 1,
      closeGraceMs: 20_000,
    });
    gateway = await mesh.addGateway({ heartbeatIntervalMs: 1000 });
    url = `ws://${addressOf(gateway)}`;
    await mesh.befriend('alice', 'bob');
  });

  afterEach(async () => {
    await mesh[Symbol.asyncDispose]();
  });

  async function friends(): Promise<{ alice: Person; bob: Person } & Disposable> {
    const [alice, bob] = [createPerson('alice', { url }), createPerson('bob', { url })];
    await Promise.all([alice.sees('bob', 'ONLINE'), bob.sees('alice', 'ONLINE')]);
    return {
      alice,
      bob,
      [Symbol.dispose]: () => {
        alice.client.close();
        bob.client.close();
      },
    };
  }

  test('a connection that is killed is made anew before friends notice', async () => {
    using both = await friends();
    const { alice, bob } = both;
    const before = alice.shown.length;
    // It is stale for a moment only: an event tells what a look in time might miss.
    const stale: boolean[] = [];
    bob.client.on('connection', ({ isStale }) => stale.push(isStale));
    bob.tap.sockets[0]?.terminate();
    await eventually(() => stale.includes(true));
    alice.client.setStatus('BUSY');
    await bob.isOnline();
    await bob.sees('alice', 'BUSY');
    expect(alice.shown.slice(before)).not.toContain('bob OFFLINE');
    expect(bob.tap.sockets).toHaveLength(2);
  });

  test('a connection that is dead without a word is noticed by missing answers', async () => {
    using both = await friends();
    const { alice, bob } = both;
    bob.tap.sockets[0]?.pause();
    alice.client.setStatus('BUSY');
    await bob.sees('alice', 'BUSY');
    expect(bob.tap.sockets.length).toBeGreaterThan(1);
  });

  test('a frame that is lost is noticed, and the view read again', async () => {
    using both = await friends();
    const { alice, bob } = both;
    const gaps: object[] = [];
    bob.client.on('gap', (gap) => gaps.push(gap));
    bob.tap.lose('STATUS_BUSY');
    alice.client.setStatus('BUSY');
    await bob.sees('alice', 'BUSY');
    await bob.isOnline();
    expect(bob.tap.lost).toBe(1);
    expect(gaps).toHaveLength(1);
    expect(bob.tap.sockets).toHaveLength(1);
  });

  test('a gateway that is started again finds its clients back', async () => {
    using both = await friends();
    const { alice, bob } = both;
    await gateway[Symbol.asyncDispose]();
    await eventually(() => alice.client.getConnection().state !== 'online');
    expect(alice.client.getConnection().isStale).toBe(true);
    expect(alice.client.getPresence('bob')?.status).toBe('ONLINE');
    bob.client.setStatus('AWAY');
    const httpPort = Number(new URL(url).port);
    await eventually(() => mesh.addGateway({ httpPort }));
    await Promise.all([alice.isOnline(), bob.isOnline()]);
    await alice.sees('bob', 'AWAY');
  });

  test('when a gateway goes away another takes over; nobody is stale, nobody seems gone', async () => {
    const other = await mesh.addGateway();
    using bob = createPerson('bob', { url: `ws://${addressOf(other)}` });
    const going = await mesh.addGateway({ drainMs: 10_000 });
    using alice = createPerson('alice', {
      url: [`ws://${addressOf(going)}`, `ws://${addressOf(other)}`],
      // The first is the first to be taken.
      clock: { ...clock, random: () => 0 },
    });
    await alice.sees('bob', 'ONLINE');
    await bob.sees('alice', 'ONLINE');
    const before = bob.shown.length;
    const stale: boolean[] = [];
    alice.client.on('connection', ({ isStale }) => stale.push(isStale));
    const session = alice.client.getConnection().sessionId;
    expect(alice.tap.sockets[0]?.url).toContain(addressOf(going));
    await going[Symbol.asyncDispose]();
    expect(alice.client.getConnection().sessionId).not.toBe(session);
    expect(alice.tap.sockets).toHaveLength(2);
    expect(stale).not.toContain(true);
    bob.client.setStatus('BUSY');
    await alice.sees('bob', 'BUSY');
    expect(bob.shown.slice(before)).not.toContain('alice OFFLINE');
  });

  test('a token that expires closes; with another one the view goes on', async () => {
    const secret = 'a secret of no less than thirty-two bytes';
    const signed = await mesh.addGateway({ auth: { mode: 'jwt', jwtSecret: secret } });
    const signing = new TextEncoder().encode(secret);
    let tokens = 0;
    // Gateways allow 5 s for clocks that differ: so long, and a second, the first token is good for.
    const token = (): Promise<string> =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject('alice')
        .setExpirationTime(tokens++ === 0 ? '1s' : '1h')
        .sign(signing);
    using bob = createPerson('bob', { url });
    await bob.isOnline();
    using alice = createPerson('alice', { url: `ws://127.0.0.1:${signed.port}`, token });
    await alice.sees('bob', 'ONLINE');
    await eventually(() => alice.client.getConnection().state === 'closed');
    expect(alice.client.getConnection().closing).toEqual({ code: 4001, reason: 'token expired' });
    bob.client.setStatus('BUSY');
    alice.client.connect();
    await alice.sees('bob', 'BUSY');
    expect(tokens).toBe(2);
  });

  test('a celebrity is followed while on screen', async () => {
    for (const userId of ['alice', 'bob', 'carol']) {
      await mesh.graph.unary((c) => c.follow, { userId, followedUserId: 'star' });
    }
    using alice = createPerson('alice', { url });
    using star = createPerson('star', { url });
    await alice.isOnline();
    await star.isOnline();
    const stop = alice.client.watch(['star', 'bob']);
    await alice.sees('star', 'ONLINE');
    alice.tap.sockets[0]?.terminate();
    await alice.isOnline();
    star.client.setStatus('BUSY');
    await alice.sees('star', 'BUSY');
    stop();
  });
});
