import { expect, test } from '@jest/globals';
import { addressesOf, isName, resolveHost } from '../../../lib/grpc/addresses.ts';

test.each([
  ['127.0.0.1:50051', false],
  ['[::1]:50051', false],
  ['localhost:50051', true],
  ['presence:50051', true],
  ['presence-0.presence.mesh.svc.cluster.local:50051', true],
])('%s is a name: %s', (address, expected) => {
  expect(isName(address)).toBe(expected);
});

test.each([
  [
    ['10.0.0.1', '10.0.0.2'],
    ['10.0.0.1:7', '10.0.0.2:7'],
  ],
  [
    ['fd00::1', 'fd00::2'],
    ['[fd00::1]:7', '[fd00::2]:7'],
  ],
  // The same two processes, each by both its addresses.
  [
    ['fd00::1', '10.0.0.1', 'fd00::2', '10.0.0.2'],
    ['10.0.0.1:7', '10.0.0.2:7'],
  ],
])('a name that is %j stands for %j', async (found, expected) => {
  const asked: string[] = [];
  const resolve = (host: string) => {
    asked.push(host);
    return Promise.resolve(found);
  };
  expect(await addressesOf('presence:7', resolve)).toEqual(expected);
  expect(asked).toEqual(['presence']);
});

test('localhost is one process', async () => {
  expect(await addressesOf('localhost:7', resolveHost)).toHaveLength(1);
});
