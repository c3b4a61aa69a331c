import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { chunks, MAX_RECIPIENTS, parcelsFor } from '../../fanout/routes.ts';

const gateways = ['a', 'b', 'c', 'd'];
const routes = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 4 }),
  fc.uniqueArray(fc.constantFrom(...gateways)),
);
const live = fc.uniqueArray(fc.constantFrom(...gateways)).map((ids) => new Set(ids));
const change = { $case: 'removedUserId' as const, value: 'subject' };

test('every viewer on a live gateway is addressed there once, and nobody else', () => {
  fc.assert(
    fc.property(routes, live, (routeOf, alive) => {
      const userIds = Object.keys(routeOf);
      const parcels = parcelsFor(
        [{ change, userIds, quiet: false, viewRevision: 0n }],
        (id) => routeOf[id] ?? [],
        alive,
      );
      const sent = parcels.flatMap(({ gatewayId, recipientUserIds }) =>
        recipientUserIds.map((id) => `${gatewayId}/${id}`),
      );
      const wanted = userIds.flatMap((id) =>
        (routeOf[id] ?? []).filter((gateway) => alive.has(gateway)).map((g) => `${g}/${id}`),
      );
      expect(sent.sort()).toEqual(wanted.sort());
      expect(new Set(parcels.map(({ gatewayId }) => gatewayId)).size).toBe(parcels.length);
    }),
  );
});

test('a large audience goes in messages of bounded size', () => {
  const userIds = Array.from({ length: 2 * MAX_RECIPIENTS + 1 }, (_, i) => `u${i}`);
  const parcels = parcelsFor(
    [{ change, userIds, quiet: false, viewRevision: 0n }],
    () => ['a'],
    new Set(['a']),
  );
  expect(parcels.map(({ recipientUserIds }) => recipientUserIds.length)).toEqual([
    ...[MAX_RECIPIENTS, MAX_RECIPIENTS, 1],
  ]);
  expect(parcels.flatMap(({ recipientUserIds }) => recipientUserIds)).toEqual(userIds);
});

test('chunks are in order, none empty', () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), fc.integer({ min: 1, max: 7 }), (items, size) => {
      const parts = chunks(items, size);
      expect(parts.flat()).toEqual(items);
      expect(parts.every(({ length }) => length > 0 && length <= size)).toBe(true);
    }),
  );
});
