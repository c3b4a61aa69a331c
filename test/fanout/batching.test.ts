import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createBatcher } from '../../fanout/batcher.ts';
import { createLimiter } from '../../fanout/limiter.ts';
import { systemClock as clock } from '../../lib/clock.ts';

test('a batcher answers each with its own, one call at a time, none heavier than need be', async () => {
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
        const allButLast = calls.map((items) => items.slice(0, -1));
        for (const items of allButLast) expect(items.reduce((a, b) => a + b, 0)).toBeLessThan(10);
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
