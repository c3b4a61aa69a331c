import { expect, test } from '@jest/globals';
import { createDeliveryLedger } from '../../bench/support/delivery-ledger.ts';
import { friendsOf, generatePairs } from '../../bench/support/friendships.ts';
import { median, quantile } from '../../bench/support/percentiles.ts';
import { cpuMsOf, exactCpuMsOf, parseStat } from '../../bench/support/process-cpu.ts';
import { toResult } from '../../bench/support/result.ts';
import { cpuPerEvent } from '../../bench/support/rounds.ts';

test('quantiles of unsorted values', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect([0, 0.5, 0.99, 1].map((q) => quantile(values, q))).toEqual([1, 50, 99, 100]);
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

test('a result is the median of its rounds beside that of its baseline', () => {
  const result = toResult({ name: 'n', unit: 'ms', samples: [4, 6, 5], baseline: [2, 3, 2.5] });
  expect(result).toMatchObject({ value: 5, baseline: 2.5, ratio: 2 });
  expect(toResult({ name: 'n', unit: 'ms', samples: [1] })).toMatchObject({ ratio: null });
});

test('CPU is read behind a name that looks like fields', () => {
  expect(parseStat('12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 111 222 5 6')).toBe(333);
});

test('CPU by the nanosecond is that of all threads', () => {
  const [exact, ticks] = [exactCpuMsOf(process.pid), cpuMsOf(process.pid)];
  // Threads that have ended are in the ticks only.
  expect(exact).toBeGreaterThan(0.5 * ticks);
  expect(exact).toBeLessThan(ticks + 200);
});

test('idle time is taken off each round', () => {
  const rounds = [{ elapsedMs: 1000, events: 500, cpuMs: { redis: 150 } }];
  expect(cpuPerEvent(rounds, 'redis')).toEqual([300]);
  expect(cpuPerEvent(rounds, 'redis', { redis: 0.05 })).toEqual([200]);
});

test('each friend of each change is counted once', () => {
  const ledger = createDeliveryLedger([[1, 2], [0], [0]]);
  ledger.heard(1, 0, 2, 5);
  ledger.changed(0, 3, 10);
  ledger.heard(1, 0, 3, 12);
  ledger.heard(1, 0, 3, 13);
  ledger.heard(1, 2, 3, 13);
  ledger.heard(2, 0, 1, 13);
  expect(ledger.totals()).toEqual({
    changes: 1,
    expected: 2,
    delivered: 1,
    repeated: 1,
    unexpected: ['2 heard status 1 of 0, not status 3'],
  });
  expect([...ledger.takeLatencies()]).toEqual([2]);
  expect([...ledger.takeLatencies()]).toEqual([]);
});

test('the generated graph has the shape of Facebook’s', () => {
  const pairs = generatePairs();
  const degrees = friendsOf({ pairs, users: 4039 }).map((friends) => friends.length);
  expect(new Set(pairs.map(([a, b]) => `${a}-${b}`)).size).toBe(pairs.length);
  expect((2 * pairs.length) / 4039).toBeCloseTo(43.7, 0);
  expect(Math.max(...degrees)).toBeGreaterThan(400);
});
