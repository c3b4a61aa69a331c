import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ownedShards } from '../../fanout/ownership.ts';

const SHARDS = 64;
const workers = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 6 });

function owners(ids: readonly string[]): (string | undefined)[] {
  const shares = ids.map((id) => ({ id, share: ownedShards(SHARDS, id, ids) }));
  return Array.from({ length: SHARDS }, (_, shard) => {
    const claimed = shares.filter(({ share }) => share.has(shard));
    expect(claimed).toHaveLength(1);
    return claimed[0]?.id;
  });
}

test('every shard has exactly one owner, whatever the order of the list', () => {
  fc.assert(
    fc.property(workers, (ids) => {
      expect(owners([...ids].reverse())).toEqual(owners(ids));
    }),
  );
});

test('who joins takes shards and moves no others; who leaves likewise', () => {
  fc.assert(
    fc.property(workers, fc.string({ minLength: 1 }), (ids, joiner) => {
      fc.pre(!ids.includes(joiner));
      const before = owners(ids);
      owners([...ids, joiner]).forEach((owner, shard) => {
        if (owner !== joiner) expect(owner).toBe(before[shard]);
      });
    }),
  );
});

test('a worker that is not on the list counts itself in', () => {
  expect(ownedShards(SHARDS, 'me', []).size).toBe(SHARDS);
});

test('shares are about even', () => {
  const ids = Array.from({ length: 4 }, (_, i) => `worker-${i}`);
  for (const id of ids) {
    const { size } = ownedShards(4096, id, ids);
    expect(size).toBeGreaterThan(900);
    expect(size).toBeLessThan(1150);
  }
});
