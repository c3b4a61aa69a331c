/** What the user wants of the gateway: a status, to be told of people on screen, to be seen away. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PresenceClient } from '../../sdk/index.ts';
import { settled, startOnline, startRig, wire, type FakeSocket } from './fake-socket.ts';

const pulled = (userId: string, version = 1) => wire(userId, version, { mode: 'MODE_PULL' });
const chosen = (client: PresenceClient) => client.getConnection().chosen;
const last = ({ sent }: FakeSocket) => sent.filter((frame) => !('heartbeat' in frame)).at(-1);

describe('a chosen status', () => {
  test('is sent, and taken back', async () => {
    const { client, first } = await startOnline();
    client.setStatus('BUSY');
    expect(last(first)).toEqual({ setStatus: { status: 'STATUS_BUSY' } });
    expect(chosen(client)).toBe('BUSY');
    client.clearStatus();
    expect(last(first)).toEqual({ setStatus: {} });
    expect(chosen(client)).toBeUndefined();
  });

  test('chosen while there is no connection is told to the next session', async () => {
    const { client, socket } = startRig();
    client.setStatus('INVISIBLE');
    client.connect();
    const first = await socket();
    first.open();
    expect(first.sent).toEqual([]);
    first.welcomes({ chosen: 'STATUS_AWAY' });
    expect(first.sent).toContainEqual({ setStatus: { status: 'STATUS_INVISIBLE' } });
    expect(chosen(client)).toBe('INVISIBLE');
  });

  test('is told again to a session that does not know it, unless it has long been settled', async () => {
    const rig = await startOnline();
    rig.client.setStatus('BUSY');
    rig.first.closes();
    rig.clock.advance(500);
    const second = await rig.socket(2);
    second.open();
    second.welcomes();
    expect(second.count('setStatus')).toBe(1);
    second.shows();
    for (let i = 0; i < 2; i++) {
      rig.clock.advance(5000);
      second.says({ ack: {} });
    }
    second.closes();
    rig.clock.advance(500);
    const third = await rig.socket(3);
    third.open();
    // Meanwhile another device has chosen.
    third.welcomes({ chosen: 'STATUS_AWAY' });
    expect(third.count('setStatus')).toBe(0);
    expect(chosen(rig.client)).toBe('AWAY');
  });

  test('that went into a dead connection is told to the next', async () => {
    const rig = await startOnline();
    rig.client.setStatus('BUSY');
    rig.clock.advance(15_000);
    expect(rig.first.isTerminated).toBe(true);
    rig.clock.advance(500);
    const second = await rig.socket(2);
    second.open();
    second.welcomes();
    expect(second.count('setStatus')).toBe(1);
    expect(chosen(rig.client)).toBe('BUSY');
  });

  test.each(['ERROR_CODE_UNAVAILABLE', 'ERROR_CODE_RATE'])(
    'is tried again after %s',
    async (code) => {
      const { client, clock, first } = await startOnline();
      client.setStatus('BUSY');
      first.says({ error: { code, message: '' } });
      clock.advance(2000);
      expect(first.count('setStatus')).toBe(2);
      clock.advance(4000);
      expect(first.count('setStatus')).toBe(2);
    },
  );

  test('that cannot be chosen is refused here', async () => {
    const { client, first } = await startOnline();
    const wrong = 'OFFLINE' as 'BUSY';
    expect(() => client.setStatus(wrong)).toThrow('OFFLINE cannot be chosen; choose ONLINE, AWAY');
    expect(first.count('setStatus')).toBe(0);
  });
});

describe('watching', () => {
  test('is for users in pull mode, and gathered', async () => {
    const { client, clock, first } = await startOnline(
      {},
      pulled('star'),
      pulled('idol'),
      wire('bob', 1),
    );
    client.watch(['star', 'bob', 'nobody']);
    client.watch(['idol']);
    expect(first.count('watch')).toBe(0);
    clock.advance(50);
    expect(last(first)).toEqual({ watch: { userIds: ['star', 'idol'] } });
    expect(first.count('watch')).toBe(1);
  });

  test('ends when the last who wanted it has ended it', async () => {
    const { client, clock, first } = await startOnline({}, pulled('star'));
    const one = client.watch(['star']);
    const other = client.watch(['star']);
    clock.advance(50);
    one();
    one();
    clock.advance(50);
    expect(first.count('unwatch')).toBe(0);
    other();
    clock.advance(50);
    expect(last(first)).toEqual({ unwatch: { userIds: ['star'] } });
  });

  test('let go and taken again at once, nothing is sent', async () => {
    const { client, clock, first } = await startOnline({}, pulled('star'));
    const stop = client.watch(['star']);
    clock.advance(50);
    stop();
    client.watch(['star']);
    clock.advance(50);
    expect(first.count('watch') + first.count('unwatch')).toBe(1);
  });

  test('begins when a user becomes so popular, and when they come into view again', async () => {
    const { client, clock, first } = await startOnline({}, wire('star', 1));
    client.watch(['star']);
    clock.advance(50);
    expect(first.count('watch')).toBe(0);
    first.updates(pulled('star', 2));
    clock.advance(50);
    expect(first.count('watch')).toBe(1);
    first.says({ removed: { userIds: ['star'] } });
    clock.advance(50);
    first.updates(pulled('star', 3));
    clock.advance(50);
    expect(first.count('watch')).toBe(2);
  });

  test('is told anew to the next connection', async () => {
    const rig = await startOnline({}, pulled('star'));
    rig.client.watch(['star']);
    rig.clock.advance(50);
    rig.first.closes();
    rig.clock.advance(500);
    const second = await rig.socket(2);
    second.serves(pulled('star', 2));
    rig.clock.advance(50);
    expect(last(second)).toEqual({ watch: { userIds: ['star'] } });
  });

  test('is told again after a while when the gateway did not act on it', async () => {
    const { client, clock, first } = await startOnline({}, pulled('star'));
    client.watch(['star']);
    clock.advance(50);
    first.says({ error: { code: 'ERROR_CODE_RATE', message: '' } });
    clock.advance(1999);
    expect(first.count('watch')).toBe(1);
    clock.advance(1);
    expect(first.count('watch')).toBe(2);
  });

  test('of more than the gateway takes, the rest moves up', async () => {
    const names = Array.from({ length: 250 }, (_, i) => `star${i}`);
    const { client, clock, first } = await startOnline({}, ...names.map((name) => pulled(name)));
    const stop = client.watch(names.slice(0, 30));
    client.watch(names.slice(30));
    clock.advance(50);
    const told = first.sent.flatMap((frame) => ('watch' in frame ? [frame.watch.userIds] : []));
    expect(told.map(({ length }) => length)).toEqual([100, 100]);
    stop();
    clock.advance(50);
    expect(last(first)).toEqual({ watch: { userIds: names.slice(200, 230) } });
  });

  test('whatever is wanted and let go, in the end the gateway knows exactly what is wanted', async () => {
    const userIds = ['a', 'b', 'c', 'd'];
    const step = fc.record({ userIds: fc.subarray(userIds), end: fc.nat(5), waits: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const { client, clock, first } = await startOnline({}, ...userIds.map((id) => pulled(id)));
        const open: { userIds: string[]; stop: () => void }[] = [];
        for (const { userIds, end, waits } of steps) {
          open.push({ userIds, stop: client.watch(userIds) });
          for (const { stop } of open.splice(end, 1)) stop();
          if (waits) clock.advance(50);
        }
        clock.advance(50);
        const known = new Set<string>();
        for (const frame of first.sent) {
          if ('watch' in frame) frame.watch.userIds.forEach((id) => known.add(id));
          if ('unwatch' in frame) frame.unwatch.userIds.forEach((id) => known.delete(id));
        }
        expect([...known].sort()).toEqual([...new Set(open.flatMap((one) => one.userIds))].sort());
      }),
      { numRuns: 50 },
    );
  });
});

describe('activity', () => {
  const signs = () => {
    const listeners = new Set<() => void>();
    return {
      activity: (notify: () => void) => {
        listeners.add(notify);
        return () => void listeners.delete(notify);
      },
      sign: () => listeners.forEach((notify) => notify()),
      listeners,
    };
  };

  test('without a sign for a while the heartbeat says idle at once, and active at the next sign', async () => {
    const { activity, sign } = signs();
    const { clock, first } = await startOnline({ activity, idleAfterMs: 12_000 });
    const beat = (seconds: number): void => {
      for (let i = 0; i < seconds; i++) {
        clock.advance(1000);
        first.says({ ack: {} });
      }
    };
    beat(8);
    sign();
    beat(11);
    expect(first.sent.at(-1)).toEqual({ heartbeat: {} });
    beat(1);
    expect(first.sent.at(-1)).toEqual({ heartbeat: { activity: 'ACTIVITY_IDLE' } });
    beat(6);
    expect(first.sent.at(-1)).toEqual({ heartbeat: { activity: 'ACTIVITY_IDLE' } });
    sign();
    expect(first.sent.at(-1)).toEqual({ heartbeat: {} });
  });

  test('the next session is opened as idle as the last', async () => {
    const rig = await startOnline();
    rig.client.setIdle(true);
    rig.first.closes();
    rig.clock.advance(500);
    const second = await rig.socket(2);
    second.serves();
    expect(second.sent).toEqual([{ heartbeat: { activity: 'ACTIVITY_IDLE' } }]);
    rig.client.setIdle(false);
    expect(second.sent.at(-1)).toEqual({ heartbeat: {} });
  });

  test('is not listened for once the client is closed', async () => {
    const { activity, listeners } = signs();
    const { client } = await startOnline({ activity });
    expect(listeners.size).toBe(1);
    client.close();
    expect(listeners.size).toBe(0);
    client.connect();
    await settled();
    expect(listeners.size).toBe(1);
  });
});
