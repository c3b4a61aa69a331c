import { expect, test } from '@jest/globals';
import { createLimiter } from '../../lib/limiter.ts';
import { heapBytes } from '../support/heap.ts';
import { systemClock as clock } from '../../lib/clock.ts';

test('a limiter never runs more than it may, and runs everything', async () => {
  const inTurn = createLimiter(3);
  let underWay = 0;
  let done = 0;
  const task = async (): Promise<void> => {
    expect(++underWay).toBeLessThanOrEqual(3);
    await clock.sleep(1);
    underWay--;
    done++;
    if (done % 4 === 0) throw new Error('a task that fails gives its place back');
  };
  await Promise.allSettled(Array.from({ length: 20 }, () => inTurn(task)));
  expect(done).toBe(20);
});

test('a limiter runs so many at a time, in order, whatever they end with', async () => {
  const inTurn = createLimiter(2);
  const started: number[] = [];
  const ends: (() => void)[] = [];
  const task = (id: number) => () => {
    started.push(id);
    return new Promise<void>((resolve, reject) => {
      ends.push(id % 2 === 0 ? resolve : () => reject(new Error('no')));
    });
  };
  const all = [0, 1, 2, 3, 4].map((id) => inTurn(task(id)).catch(() => undefined));
  await Promise.resolve();
  for (let ended = 0; ended < 5; ended++) {
    expect(started).toEqual([0, 1, 2, 3, 4].slice(0, Math.min(5, ended + 2)));
    ends[ended]?.();
    await all[ended];
    await Promise.resolve();
  }
});

test('nothing is kept of those who have had their turn, though somebody always waits', async () => {
  const inTurn = createLimiter(4);
  let left = 200_000;
  const oneAfterTheOther = async (): Promise<void> => {
    while (left-- > 0) await inTurn(() => Promise.resolve());
  };
  const before = heapBytes();
  let after = 0;
  const measure = async (): Promise<void> => {
    while (left > 10_000) await inTurn(() => Promise.resolve());
    after ||= heapBytes();
  };
  const others = Array.from({ length: 50 }, oneAfterTheOther);
  await Promise.all([...others, measure()]);
  expect(after - before).toBeLessThan(4_000_000);
});
