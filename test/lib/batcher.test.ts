import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createBatcher } from '../../lib/batcher.ts';

test('a batcher answers each with its own, one call at a time, none too heavy', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 40 }),
      async (weights) => {
        let underWay = 0;
        const calls: (readonly number[])[] = [];
        const ask = createBatcher<number, number>({
          call: async (items) => {
            expect(++underWay).toBe(1);
            calls.push(items);
            await Promise.resolve();
            underWay--;
            return items.map((weight) => weight * 2);
          },
          weigh: (weight) => weight,
          maxWeight: 10,
        });
        expect(await Promise.all(weights.map(ask))).toEqual(weights.map((weight) => weight * 2));
        const heaviest = Math.max(0, ...calls.map((items) => items.reduce((a, b) => a + b)));
        expect(heaviest).toBeLessThanOrEqual(10);
      },
    ),
  );
});

test('a call that fails fails its items, and not the next ones', async () => {
  let fail = true;
  const ask = createBatcher<string, string>({
    call: (items) => {
      const isFailing = fail;
      fail = false;
      return isFailing ? Promise.reject(new Error('down')) : Promise.resolve(items);
    },
    weigh: () => 1,
    maxWeight: 1,
  });
  const results = await Promise.allSettled([ask('a'), ask('b')]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
});

function setUp() {
  const batches: (readonly number[])[] = [];
  let release: (() => void)[] = [];
  const ask = createBatcher({
    call: async (items: readonly number[]) => {
      batches.push(items);
      await new Promise<void>((resolve) => release.push(resolve));
      if (items.includes(13)) throw new Error('thirteen');
      return items.map((item) => item * 10);
    },
    maxWeight: 3,
  });
  /** Lets all batches run to their end, and those they made wait. */
  const finish = async (answers: readonly Promise<unknown>[]): Promise<void> => {
    const done = Promise.allSettled(answers).then(() => true);
    while (!(await Promise.race([done, Promise.resolve(false)]))) {
      release.forEach((resolve) => resolve());
      release = [];
    }
  };
  return { ask, batches, finish };
}

test('what is asked alone is not held up; what comes meanwhile goes together, a few at a time', async () => {
  const { ask, batches, finish } = setUp();
  const answers = [1, 2, 3, 4, 5].map(ask);
  expect(batches).toEqual([[1]]);
  await finish(answers);
  expect(await Promise.all(answers)).toEqual([10, 20, 30, 40, 50]);
  expect(batches).toEqual([[1], [2, 3, 4], [5]]);
});

test('a failed batch fails those in it and no others', async () => {
  const { ask, finish } = setUp();
  const answers = [1, 13, 2, 3, 4].map(ask);
  await finish(answers);
  const settled = await Promise.allSettled(answers);
  expect(settled.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'rejected',
    'rejected',
    'fulfilled',
  ]);
});

test('so many calls run side by side, and no more', async () => {
  let underWay = 0;
  let most = 0;
  const ask = createBatcher<number, number>({
    call: async (items) => {
      most = Math.max(most, ++underWay);
      await Promise.resolve();
      underWay--;
      return items;
    },
    maxWeight: 2,
    maxRunning: 3,
  });
  const items = Array.from({ length: 20 }, (_, i) => i);
  expect(await Promise.all(items.map(ask))).toEqual(items);
  expect(most).toBe(3);
});
