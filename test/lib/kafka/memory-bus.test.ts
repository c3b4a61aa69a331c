import { expect, test } from '@jest/globals';
import { systemClock } from '../../../lib/clock.ts';
import { createMemoryBus } from '../../../lib/kafka/memory-bus.ts';
import { describeBus } from '../../conformance/bus.ts';
import { eventually } from '../../support/eventually.ts';
import { heapBytes } from '../../support/heap.ts';

describeBus('in process', () => {
  const bus = createMemoryBus({ clock: systemClock });
  return Promise.resolve([bus, bus]);
});

const SPEC = { partitions: 1, replication: 1, retentionMs: 86_400_000, segmentMs: 60_000 };
const VALUE = new Uint8Array(600);

test('holds the newest of what is sent, however long it is to be kept', async () => {
  const bus = createMemoryBus({ clock: systemClock, maxPartitionBytes: 100_000 });
  await bus.ensureTopic('topic', SPEC);
  const before = heapBytes();
  for (let i = 0; i < 30_000; i++) await bus.send('topic', [{ value: new Uint8Array(VALUE) }]);
  expect(heapBytes() - before).toBeLessThan(4_000_000);
  const offsets: number[] = [];
  const reader = await bus.read('topic', {
    from: 'earliest',
    onRecord: ({ offset }) => void offsets.push(Number(offset)),
    onCrash: () => undefined,
  });
  await eventually(() => expect(offsets.at(-1)).toBe(29_999));
  expect(offsets.length).toBeGreaterThan(70);
  expect(offsets.length).toBeLessThanOrEqual(100);
  expect(reader.start).toEqual(new Map([[0, BigInt(offsets[0]!)]]));
  await bus[Symbol.asyncDispose]();
});

test('a record that is larger than all that may be held is held alone', async () => {
  const bus = createMemoryBus({ clock: systemClock, maxPartitionBytes: 1000 });
  await bus.ensureTopic('topic', SPEC);
  const lengths: number[] = [];
  for (const length of [10, 5000]) await bus.send('topic', [{ value: new Uint8Array(length) }]);
  await bus.read('topic', {
    from: 'earliest',
    onRecord: ({ value }) => void lengths.push(value.length),
    onCrash: () => undefined,
  });
  await eventually(() => expect(lengths).toEqual([5000]));
  await bus[Symbol.asyncDispose]();
});

test('a reader that falls so far behind that it would miss something is told, once, and gets no more', async () => {
  const bus = createMemoryBus({ clock: systemClock, maxPartitionBytes: 10_000 });
  await bus.ensureTopic('topic', { ...SPEC, partitions: 2 });
  const crashes: string[] = [];
  let takeOn = (): void => undefined;
  const taken = new Promise<void>((resolve) => (takeOn = resolve));
  let received = 0;
  const reader = await bus.read('topic', {
    from: 'earliest',
    onRecord: () => {
      received++;
      return taken;
    },
    onCrash: ({ code }) => void crashes.push(code),
  });
  for (let i = 0; i < 100; i++) await bus.send('topic', [{ value: VALUE }]);
  await eventually(() => expect(received).toBe(2));
  takeOn();
  await eventually(() => expect(crashes).toEqual(['OUT_OF_RANGE']));
  await reader[Symbol.asyncDispose]();
  await bus[Symbol.asyncDispose]();
  expect(received).toBe(2);
  expect(crashes).toHaveLength(1);
});
