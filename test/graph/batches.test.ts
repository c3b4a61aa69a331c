import { expect, test } from '@jest/globals';
import { createBatches } from '../../graph/batches.ts';

function setUp() {
  const batches: (readonly number[])[] = [];
  let release: (() => void)[] = [];
  const ask = createBatches({
    run: async (items: readonly number[]) => {
      batches.push(items);
      await new Promise<void>((resolve) => release.push(resolve));
      if (items.includes(13)) throw new Error('thirteen');
      return items.map((item) => item * 10);
    },
    maxItems: 3,
    maxRunning: 1,
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
