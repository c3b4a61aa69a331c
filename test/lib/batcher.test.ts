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
