/** One connection: what is sent, what is noticed. */
import { describe, expect, test } from '@jest/globals';
import { createPresenceClient, type Clock } from '../../sdk/index.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { settled, startOnline, startRig, wire } from './fake-socket.ts';

describe('connecting', () => {
  test('asks for JSON at the usual path, with token and device', async () => {
    const { client, socket } = startRig({
      url: 'https://presence.example',
      token: 'a token&',
      device: 'phone',
    });
    client.connect();
    const { url, protocol } = await socket();
    expect(url.href).toBe('wss://presence.example/v1/ws?access_token=a+token%26&device=phone');
    expect(protocol).toBe('presence.v1+json');
  });

  test('keeps a path and a query of one’s own', async () => {
    const { client, socket } = startRig({ url: 'ws://host:1234/some/where?room=1' });
    client.connect();
    expect((await socket()).url.href).toBe(
      'ws://host:1234/some/where?room=1&access_token=dev%3Ame',
    );
  });

  test.each([['presence.example'], ['ftp://host'], ['ws://'], ['ws://host:99999'], ['']])(
    'refuses the url %j',
    (url) => {
      expect(() => startRig({ url })).toThrow(TypeError);
      expect(() => startRig({ url })).toThrow(`url: ${JSON.stringify(url)}`);
    },
  );

  test.each([
    [{ url: [] }, 'url: the list is empty'],
    [{ token: '' }, 'token: there is none'],
    [{ device: 'ä'.repeat(33) }, 'is longer than 64 bytes'],
    [{ device: 'phone\u001b[2J' }, 'has a character that cannot be printed'],
    [{ idleAfterMs: -1 }, 'idleAfterMs: -1 is no time in ms'],
    [{ openTimeoutMs: Number.NaN }, 'openTimeoutMs: NaN is no time in ms'],
    [{ backoff: { maxMs: Infinity } }, 'backoff.maxMs: Infinity is no time in ms'],
  ])('refuses %j', (options, words) => {
    expect(() => startRig(options)).toThrow(TypeError);
    expect(() => startRig(options)).toThrow(words);
  });

  test('without a WebSocket says so when it is to connect, not where a page is only drawn', () => {
    const { WebSocket } = globalThis as { WebSocket?: unknown };
    Object.assign(globalThis, { WebSocket: undefined });
    try {
      const client = createPresenceClient({ url: 'ws://host', token: 'dev:me' });
      expect(client.getSnapshot().connection.state).toBe('idle');
      expect(() => client.connect()).toThrow("import { WebSocket } from 'ws'");
      expect(client.getConnection().state).toBe('idle');
    } finally {
      Object.assign(globalThis, { WebSocket });
    }
  });

  test('is online with the snapshot, not before', async () => {
    const { client, socket } = startRig();
    expect(client.getConnection()).toMatchObject({ state: 'idle', isStale: true });
    client.connect();
    const first = await socket();
    expect(client.getConnection().state).toBe('connecting');
    first.open();
    first.welcomes({ sessionId: 's1', chosen: 'STATUS_BUSY' });
    expect(client.getConnection()).toMatchObject({ state: 'connecting', sessionId: 's1' });
    first.shows(wire('bob', 7, { lastActive: '2026-01-01T00:00:00.123Z' }));
    expect(client.getConnection()).toEqual({
      state: 'online',
      isStale: false,
      closing: undefined,
      userId: 'me',
      sessionId: 's1',
      chosen: 'BUSY',
    });
    expect(client.getPresence('bob')).toEqual({
      userId: 'bob',
      status: 'ONLINE',
      lastActiveMs: Date.UTC(2026, 0, 1, 0, 0, 0, 123),
      version: '7',
      mode: 'PUSH',
    });
  });

  test('gives up a handshake that takes too long, and a gateway that never says welcome', async () => {
    const { client, clock, socket } = startRig({ openTimeoutMs: 3000 });
    client.connect();
    const first = await socket(1);
    clock.advance(3000);
    expect(first.isTerminated).toBe(true);
    clock.advance(500);
    const second = await socket(2);
    second.open();
    clock.advance(39_999);
    expect(second.isTerminated).toBe(false);
    clock.advance(1);
    expect(second.isTerminated).toBe(true);
  });
});

describe('heartbeats', () => {
  test('go out with the welcome and every interval', async () => {
    const { clock, first } = await startOnline();
    expect(first.count('heartbeat')).toBe(1);
    for (let i = 0; i < 4; i++) {
      first.says({ ack: {} });
      clock.advance(5000);
    }
    expect(first.count('heartbeat')).toBe(5);
  });

  test('without an answer for two intervals the connection is given up', async () => {
    const { client, clock, first } = await startOnline();
    // The heartbeat of second 5 is the first that nothing follows.
    clock.advance(14_999);
    expect(client.getConnection().isStale).toBe(false);
    clock.advance(1);
    expect(first.isTerminated).toBe(true);
    expect(client.getConnection()).toMatchObject({ state: 'waiting', isStale: true });
  });

  test('anything that comes is an answer', async () => {
    const { clock, first } = await startOnline();
    for (let version = 1; version < 10; version++) {
      clock.advance(4000);
      first.updates(wire('bob', version));
    }
    expect(first.isTerminated).toBe(false);
  });

  test('the timer of the next is set by the answer to the last, not by a timer', async () => {
    const clock = createManualClock();
    const waits: number[] = [];
    const after: Clock['after'] = (delayMs, task) => {
      waits.push(delayMs);
      return clock.after(delayMs, task);
    };
    const { first } = await startOnline({ clock: { ...clock, after } });
    waits.length = 0;
    first.says({ ack: {} });
    expect(waits).toEqual([]);
    clock.advance(5000);
    clock.advance(30);
    first.says({ ack: {} });
    first.says({ ack: {} });
    expect(waits).toEqual([5000, 4970]);
    clock.advance(4970);
    expect(first.count('heartbeat')).toBe(3);
  });

  test('a timer that runs late, after sleep or in the background, gives up nothing', async () => {
    let now = 0;
    const timers: (() => void)[] = [];
    const { client, socket } = startRig({
      clock: {
        monotonic: () => now,
        random: () => 0,
        after: (_delayMs, task) => {
          timers.push(task);
          return { cancel: () => void timers.splice(timers.indexOf(task), 1) };
        },
      },
    });
    client.connect();
    const first = await socket();
    first.serves();
    first.says({ ack: {} });
    for (let i = 0; i < 3; i++) {
      now += 60_000;
      timers.pop()?.();
      first.says({ ack: {} });
    }
    expect(first.count('heartbeat')).toBe(4);
    expect(first.isTerminated).toBe(false);
  });
});

describe('a missing frame', () => {
  test('is noticed by the number of the next, and the snapshot asked for again', async () => {
    const { client, first } = await startOnline({}, wire('bob', 1));
    const gaps: object[] = [];
    client.on('gap', (gap) => gaps.push(gap));
    first.loses();
    first.updates(wire('carol', 5));
    expect(gaps).toEqual([{ expected: 3, got: 4 }]);
    expect(first.count('resync')).toBe(1);
    expect(client.getConnection()).toMatchObject({ state: 'online', isStale: true });
    first.shows(wire('bob', 2), wire('carol', 5));
    expect(client.getConnection().isStale).toBe(false);
    expect(client.getPresence('bob')?.version).toBe('2');
  });

  test('is noticed by an ack when no other frame follows', async () => {
    const { first } = await startOnline();
    first.loses();
    first.says({ ack: {} });
    expect(first.count('resync')).toBe(1);
  });

  test('a message that is none counts as missing', async () => {
    const { first } = await startOnline();
    first.saysRaw('{"n":"3","upd');
    first.loses();
    first.saysRaw('null');
    first.loses();
    first.says({ ack: {} });
    expect(first.count('resync')).toBe(1);
  });

  test('several in a row are one request; one more when the answer is incomplete', async () => {
    const { client, first } = await startOnline();
    first.loses();
    first.updates(wire('bob', 1));
    first.loses();
    first.updates(wire('bob', 2));
    expect(first.count('resync')).toBe(1);
    first.shows(wire('bob', 2));
    expect(first.count('resync')).toBe(2);
    expect(client.getConnection().isStale).toBe(true);
    first.shows(wire('bob', 2));
    expect(first.count('resync')).toBe(2);
    expect(client.getConnection().isStale).toBe(false);
  });

  test('half a snapshot makes nobody disappear', async () => {
    const { client, first } = await startOnline({}, wire('bob', 1), wire('carol', 1));
    first.says({ snapshot: { presences: [wire('dave', 1)] } });
    first.loses();
    first.shows(wire('erin', 1));
    expect([...client.getSnapshot().presences.keys()]).toEqual(['bob', 'carol']);
    expect(first.count('resync')).toBe(1);
    first.shows(wire('bob', 1), wire('carol', 1), wire('dave', 1), wire('erin', 1));
    expect(client.getSnapshot().presences.size).toBe(4);
  });

  test('a request that is not answered is repeated', async () => {
    const { clock, first } = await startOnline();
    first.loses();
    first.updates(wire('bob', 1));
    for (let i = 0; i < 2; i++) {
      first.says({ ack: {} });
      clock.advance(5000);
    }
    expect(first.count('resync')).toBe(2);
  });
});

test('a session opened again on the same connection is stale until its snapshot', async () => {
  const { client, first } = await startOnline({}, wire('bob', 9));
  first.updates(wire('bob', 20));
  first.welcomes();
  expect(client.getConnection()).toMatchObject({ state: 'online', isStale: true });
  // Read after the welcome: it is right, though its version is lower.
  first.shows(wire('bob', 12));
  expect(client.getPresence('bob')?.version).toBe('12');
  expect(client.getConnection().isStale).toBe(false);
});

test('what is refused is told', async () => {
  const { client, first } = await startOnline();
  const errors: object[] = [];
  client.on('error', (error) => errors.push(error));
  first.says({ error: { code: 'ERROR_CODE_INVALID_ARGUMENT', message: 'watch.userIds[0]: …' } });
  await settled();
  expect(errors).toEqual([{ code: 'INVALID_ARGUMENT', message: 'watch.userIds[0]: …' }]);
});
