import { expect, test } from '@jest/globals';
import { createFairTurns } from '../../lib/limiter.ts';

test('of those that wait, each party has a turn before one has two', async () => {
  const inTurn = createFairTurns(1);
  const order: string[] = [];
  const task = (party: string, id: number) =>
    inTurn(party, () => {
      order.push(`${party}${id}`);
      return Promise.resolve();
    });
  const greedy = [1, 2, 3, 4].map((id) => task('greedy', id));
  const modest = [1, 2].map((id) => task('modest', id));
  const late = task('late', 1);
  await Promise.all([...greedy, ...modest, late]);
  expect(order.join(' ')).toBe('greedy1 greedy2 modest1 late1 greedy3 modest2 greedy4');
});

test('a place that is free is anybody’s, and no more run than may', async () => {
  const inTurn = createFairTurns(3);
  const ends: (() => void)[] = [];
  const hang = () => new Promise<void>((resolve) => ends.push(resolve));
  const all = ['a', 'a', 'a', 'a', 'b'].map((party) => inTurn(party, hang));
  await Promise.resolve();
  expect(ends).toHaveLength(3);
  for (let i = 0; i < 5; i++) {
    ends[i]?.();
    await all[i];
    await Promise.resolve();
  }
  await Promise.all(all);
});
