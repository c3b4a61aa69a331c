import { expect, test } from '@jest/globals';
import { shardOf, shardTags, slotOf } from '../../store/shards.ts';

test('slots are those of Redis Cluster', () => {
  expect(slotOf('123456789')).toBe(0x31c3);
  expect(slotOf('foo')).toBe(12_182);
  expect(slotOf('')).toBe(0);
});

test.each([1, 3, 64, 256, 1_000])('each of %i tags lies in its own part of the slots', (shards) => {
  const tags = shardTags(shards);
  expect(new Set(tags).size).toBe(shards);
  const parts = tags.map((tag) => Math.floor((slotOf(tag) * shards) / 16_384));
  expect(parts).toEqual([...tags.keys()]);
});

test('tags and shards never change: data is found by them', () => {
  expect(shardTags(4)).toEqual(['p0.1', 'p1.3', 'p2.1', 'p3.3']);
  expect(['alice', 'bob', 'carol'].map((userId) => shardOf(userId, 64))).toEqual([7, 0, 3]);
});

test('users spread evenly', () => {
  const counts = new Array<number>(64).fill(0);
  for (let n = 0; n < 64_000; n++) counts[shardOf(`user-${n}`, 64)]! += 1;
  expect(Math.min(...counts)).toBeGreaterThan(850);
  expect(Math.max(...counts)).toBeLessThan(1_150);
});
