/** What a user interface sees: values that keep their identity, and listeners that are told once a change. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isNewer } from '../../sdk/index.ts';
import { startOnline, wire } from './fake-socket.ts';

test('nothing changes, nothing is told: the same objects come again', async () => {
  const { client, first } = await startOnline({}, wire('bob', 5), wire('carol', 5));
  const before = client.getSnapshot();
  const bob = client.getPresence('bob');
  let told = 0;
  client.subscribe(() => told++);
  first.says({ ack: {} });
  first.updates(wire('bob', 5), wire('bob', 4));
  first.says({ removed: { userIds: ['nobody'] } });
  expect(client.getSnapshot()).toBe(before);
  expect(told).toBe(0);
  first.says({ snapshot: { presences: [wire('bob', 5), wire('carol', 6)], last: true } });
  expect(client.getPresence('bob')).toBe(bob);
  expect(client.getSnapshot()).not.toBe(before);
  expect(client.getSnapshot().connection).toBe(before.connection);
  expect(before.presences.get('carol')?.version).toBe('5');
  expect(told).toBe(1);
});

test('who listens to one user hears of that user only', async () => {
  const { client, first } = await startOnline({}, wire('bob', 1));
  const told: (string | undefined)[] = [];
  const stop = client.subscribeUser('bob', () => told.push(client.getPresence('bob')?.status));
  first.updates(wire('carol', 1), wire('bob', 2, { status: 'STATUS_BUSY' }));
  first.updates(wire('carol', 2));
  first.says({ removed: { userIds: ['bob'] } });
  stop();
  first.updates(wire('bob', 3));
  expect(told).toEqual(['BUSY', undefined]);
});

test('events say what was before', async () => {
  const { client, first } = await startOnline({}, wire('bob', 1));
  const changes: [string, string | undefined, string | undefined][] = [];
  client.on('presence', ({ userId, previous, presence }) =>
    changes.push([userId, previous?.version, presence?.version]),
  );
  first.updates(wire('bob', 3), wire('bob', 2), wire('carol', 1));
  first.shows(wire('carol', 1));
  expect(changes).toEqual([
    ['bob', '1', '3'],
    ['carol', undefined, '1'],
    ['bob', '3', undefined],
  ]);
});

test('a listener that closes the client in the middle of a change is no problem', async () => {
  const { client, first } = await startOnline();
  client.on('presence', () => client.close());
  first.updates(wire('bob', 1), wire('carol', 1));
  expect(client.getConnection().state).toBe('closed');
  expect(client.getSnapshot().presences.size).toBe(2);
});

test('what a gateway of tomorrow sends is taken as it can be', async () => {
  const { client, first } = await startOnline();
  first.updates({ userId: 'bob', status: 'STATUS_ON_THE_MOON' }, { userId: 'carol' });
  expect(client.getPresence('bob')).toMatchObject({
    status: 'OFFLINE',
    version: '0',
    mode: 'PUSH',
  });
  first.says({ somethingNew: {} } as object);
  first.updates(wire('bob', 1));
  expect(first.count('resync')).toBe(0);
  expect(client.getPresence('bob')?.status).toBe('ONLINE');
});

test('versions are compared as numbers of any size', () => {
  const version = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  fc.assert(
    fc.property(version, version, (a, b) => {
      expect(isNewer(String(a), String(b))).toBe(a > b);
    }),
  );
});
