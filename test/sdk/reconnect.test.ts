/** Connections come and go: when another one is made, and when not. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { backoffMs } from '../../sdk/backoff.ts';
import { settled, startOnline, startRig, wire } from './fake-socket.ts';

describe('a connection that breaks', () => {
  test('is made anew; until its snapshot everyone is shown as they were', async () => {
    const rig = await startOnline({}, wire('bob', 1), wire('carol', 1));
    const { client, clock, first } = rig;
    const lost: object[] = [];
    client.on('disconnected', (closing) => lost.push(closing));
    first.closes(1006);
    expect(lost).toEqual([{ code: 1006, reason: '' }]);
    expect(client.getConnection()).toMatchObject({ state: 'waiting', isStale: true });
    expect(client.getSnapshot().presences.size).toBe(2);
    clock.advance(500);
    const second = await rig.socket(2);
    expect(client.getConnection().state).toBe('connecting');
    second.serves(wire('bob', 2));
    expect(client.getConnection()).toMatchObject({ state: 'online', isStale: false });
    expect([...client.getSnapshot().presences]).toMatchObject([['bob', { version: '2' }]]);
  });

  test('is tried again after ever longer, random waits; one that lasted starts afresh', async () => {
    const { client, clock, socket } = startRig();
    client.connect();
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 9; attempt++) {
      (await socket(attempt)).fails('refused');
      const from = clock.now();
      while (client.getConnection().state === 'waiting') clock.advance(50);
      waits.push(clock.now() - from);
    }
    // random() is a half.
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
    const lasting = await socket(10);
    lasting.serves();
    clock.advance(5000);
    lasting.closes(4006, 'lease lost');
    clock.advance(250);
    await socket(11);
  });

  test('a connection that breaks soon is no reason to be quick', async () => {
    const { client, clock, first, socket } = await startOnline();
    first.closes();
    clock.advance(250);
    (await socket(2)).serves();
    (await socket(2)).closes();
    clock.advance(499);
    await socket(2);
    expect(client.getConnection().state).toBe('waiting');
    clock.advance(1);
    await socket(3);
  });

  test('the wait is within its bounds', () => {
    fc.assert(
      fc.property(fc.nat(2000), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
        const waitMs = backoffMs(failures, { baseMs: 500, maxMs: 30_000 }, random);
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThanOrEqual(Math.min(30_000, 500 * 2 ** failures));
      }),
    );
  });

  test('why there is no connection is told where the socket tells', async () => {
    const { client, socket } = startRig();
    const lost: object[] = [];
    client.on('disconnected', (closing) => lost.push(closing));
    client.connect();
    (await socket()).fails('Unexpected server response: 401');
    expect(lost).toEqual([{ code: 1006, reason: 'Unexpected server response: 401' }]);
  });

  test('several gateways are taken in turn', async () => {
    const { client, clock, sockets, socket } = startRig({ url: ['ws://a', 'ws://b', 'ws://c'] });
    client.connect();
    for (let attempt = 1; attempt <= 4; attempt++) {
      (await socket(attempt)).closes();
      while (client.getConnection().state === 'waiting') clock.advance(50);
    }
    await settled();
    expect(sockets.map(({ url }) => url.hostname)).toEqual(['b', 'c', 'a', 'b', 'c']);
  });

  test('is tried again at once when the network is back', async () => {
    let wake = (): void => undefined;
    let isListening = false;
    const rig = await startOnline({
      wakeUps: (notify) => {
        wake = notify;
        isListening = true;
        return () => (isListening = false);
      },
    });
    wake();
    expect(rig.first.count('heartbeat')).toBe(2);
    rig.first.closes();
    wake();
    wake();
    await rig.socket(2);
    rig.client.close();
    expect(isListening).toBe(false);
  });
});

describe('not by itself', () => {
  test.each([1000, 4001, 4002, 4003, 4004])('after %i', async (code) => {
    const { client, clock, first, sockets } = await startOnline({}, wire('bob', 1));
    const closed: object[] = [];
    client.on('closed', (closing) => closed.push(closing));
    first.closes(code, 'why');
    expect(closed).toEqual([{ code, reason: 'why' }]);
    expect(client.getConnection()).toMatchObject({
      state: 'closed',
      isStale: true,
      closing: { code, reason: 'why' },
    });
    clock.advance(3_600_000);
    await settled();
    expect(sockets).toHaveLength(1);
    expect(client.getPresence('bob')).toBeDefined();
  });

  test('but when told to, with another token', async () => {
    let tokens = 0;
    const rig = await startOnline({ token: () => `token${++tokens}` });
    rig.client.on('closed', ({ code }) => {
      if (code === 4001) rig.client.connect();
    });
    rig.first.closes(4001, 'token expired');
    const second = await rig.socket(2);
    expect(rig.sockets.map(({ url }) => url.searchParams.get('access_token'))).toEqual([
      'token1',
      'token2',
    ]);
    second.serves();
    expect(rig.client.getConnection()).toMatchObject({ state: 'online', closing: undefined });
  });

  test.each([4000, 4005, 4006, 1009])('though by itself after %i', async (code) => {
    const rig = await startOnline();
    rig.first.closes(code);
    rig.clock.advance(500);
    await rig.socket(2);
  });
});

describe('the token', () => {
  test('is asked for before every connection; a failure is told and tried again', async () => {
    let tokens = 0;
    const { client, clock, socket, sockets } = startRig({
      token: () => {
        tokens++;
        if (tokens === 1) throw new Error('not logged in');
        return tokens === 2 ? Promise.reject(new Error('login is down')) : 'good';
      },
    });
    const problems: string[] = [];
    client.on('error', ({ code, message }) => problems.push(`${code}: ${message}`));
    client.connect();
    await settled();
    clock.advance(500);
    await settled();
    clock.advance(500);
    expect((await socket(1)).url.searchParams.get('access_token')).toBe('good');
    expect(problems).toEqual(['CONNECT: not logged in', 'CONNECT: login is down']);
    expect(sockets).toHaveLength(1);
  });

  test('one that never comes is not waited for', () => {
    let asked = 0;
    const { client, clock } = startRig({
      token: () => {
        asked++;
        return new Promise(() => undefined);
      },
    });
    const problems: string[] = [];
    client.on('error', ({ message }) => problems.push(message));
    client.connect();
    clock.advance(10_000);
    expect(problems).toEqual(['the token did not come in time']);
    clock.advance(500);
    expect(asked).toBe(2);
  });

  test('one that comes after the client was closed is not used', async () => {
    const { client, sockets } = startRig();
    client.connect();
    client.close();
    await settled();
    expect(sockets).toHaveLength(0);
    expect(client.getConnection().state).toBe('closed');
  });
});

describe('a gateway that goes away', () => {
  test('serves until another one has taken over', async () => {
    const rig = await startOnline({}, wire('bob', 1));
    const { client, clock, first } = rig;
    const stale: boolean[] = [];
    client.on('connection', ({ isStale }) => stale.push(isStale));
    first.says({ goingAway: { reconnectAfter: '2.500s' } });
    clock.advance(2499);
    expect(rig.sockets).toHaveLength(1);
    clock.advance(1);
    const second = await rig.socket(2);
    second.open();
    first.updates(wire('bob', 2));
    expect(client.getPresence('bob')?.version).toBe('2');
    second.welcomes({ sessionId: 'other' });
    first.updates(wire('bob', 3));
    // Read before what came over the old connection: older never overwrites newer.
    second.shows(wire('bob', 2));
    expect(client.getPresence('bob')?.version).toBe('3');
    expect(first.readyState).toBe(3);
    expect(stale).not.toContain(true);
    expect(client.getConnection()).toMatchObject({ state: 'online', sessionId: 'other' });
  });

  test('that is gone before the time is up is waited for no longer than asked', async () => {
    const rig = await startOnline();
    rig.first.says({ goingAway: { reconnectAfter: '2s' } });
    rig.first.closes(4000, 'going away');
    expect(rig.client.getConnection()).toMatchObject({ state: 'waiting', isStale: true });
    rig.clock.advance(1999);
    expect(rig.sockets).toHaveLength(1);
    rig.clock.advance(1);
    (await rig.socket(2)).serves();
    expect(rig.client.getConnection().isStale).toBe(false);
  });

  test('goes on serving while the others cannot be reached', async () => {
    const rig = await startOnline();
    rig.first.says({ goingAway: {} });
    rig.clock.advance(0);
    (await rig.socket(2)).fails('refused');
    rig.first.updates(wire('bob', 1));
    expect(rig.client.getPresence('bob')).toBeDefined();
    rig.clock.advance(500);
    (await rig.socket(3)).serves(wire('bob', 1));
    expect(rig.first.readyState).toBe(3);
  });
});

describe('leaving', () => {
  test('close is clean, and says so', async () => {
    const { client, clock, first } = await startOnline();
    client.close();
    expect(first.readyState).toBe(3);
    expect(client.getConnection()).toMatchObject({ state: 'closed', closing: { code: 1000 } });
    clock.advance(60_000);
    expect(first.count('heartbeat')).toBe(1);
  });

  test('logout tells the gateway, which closes', async () => {
    const { client, clock, first, sockets } = await startOnline();
    client.logout();
    client.logout();
    expect(first.sent.at(-1)).toEqual({ logout: {} });
    expect(client.getConnection().state).toBe('online');
    first.closes(1000, 'logged out');
    expect(client.getConnection()).toMatchObject({ state: 'closed', closing: { code: 1000 } });
    clock.advance(60_000);
    expect(sockets).toHaveLength(1);
  });

  test('logout is the end even when the gateway does not answer, or breaks', async () => {
    const silent = await startOnline();
    silent.client.logout();
    silent.clock.advance(2000);
    expect(silent.client.getConnection().state).toBe('closed');
    const broken = await startOnline();
    broken.client.logout();
    broken.first.closes(1006);
    expect(broken.client.getConnection().state).toBe('closed');
  });

  test('logout without a connection stops trying', async () => {
    const { client, clock, first, sockets } = await startOnline();
    first.closes();
    client.logout();
    clock.advance(60_000);
    await settled();
    expect(sockets).toHaveLength(1);
    expect(client.getConnection()).toMatchObject({ state: 'closed', closing: { code: 1000 } });
  });
});
