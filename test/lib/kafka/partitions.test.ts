import { expect, test } from '@jest/globals';
import { byPartition, partitionOf } from '../../../lib/kafka/partitions.ts';

test('partitions are those of Kafka’s own clients', () => {
  // From Kafka's UtilsTest.testMurmur2: hash & 0x7fffffff, modulo 1000.
  const hashes: [string, number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ];
  for (const [key, hash] of hashes) {
    expect(partitionOf(key, 1_000)).toBe((hash & 0x7fffffff) % 1_000);
  }
});

test('records without a key share one partition, the others keep their order', () => {
  const value = new Uint8Array();
  const records = [{ value }, { key: 'a', value }, { value }, { key: 'a', value }];
  const groups = byPartition(records, 5, 12);
  expect(groups.get(2)?.filter(({ key }) => key === undefined)).toEqual([records[0], records[2]]);
  expect(groups.get(partitionOf('a', 5))?.filter(({ key }) => key === 'a')).toHaveLength(2);
});
