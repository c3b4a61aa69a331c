import { expect, test } from '@jest/globals';
import { createLimiter } from '../../fanout/limiter.ts';
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
