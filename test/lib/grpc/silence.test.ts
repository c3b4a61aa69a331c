import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { afterTick, HEARD, isToBeProbed, type Silence } from '../../../lib/grpc/silence.ts';

/** What became of a process after each of these ticks; `true`: something it was asked is not answered. */
function after(ticks: readonly boolean[], from: Silence = HEARD): Silence[] {
  const states: Silence[] = [];
  for (const isAwaited of ticks) states.push(afterTick(states.at(-1) ?? from, isAwaited));
  return states;
}

const awaited = (count: number): boolean[] => Array.from({ length: count }, () => true);

test('who is silent is asked whether it lives, once, and hangs when it does not answer that', () => {
  const states = after(awaited(10));
  expect(states.map(isToBeProbed).indexOf(true)).toBeLessThan(
    states.findIndex(({ isHung }) => isHung),
  );
  expect(states.filter(isToBeProbed)).toHaveLength(1);
  expect(states.at(-1)!.isHung).toBe(true);
});

test('who hangs is asked again and again, and hangs until it is heard, awaited or not', () => {
  const hung = after(awaited(10)).at(-1)!;
  const states = after(
    Array.from({ length: 100 }, () => false),
    hung,
  );
  expect(states.every(({ isHung }) => isHung)).toBe(true);
  expect(states.filter(isToBeProbed)).toHaveLength(5);
});

test('who is asked nothing, or answers in time, never hangs and is never probed', () => {
  const moments = fc.array(fc.boolean(), { maxLength: 100 });
  fc.assert(
    fc.property(moments, (ticks) => {
      // Never awaited at two ticks in a row.
      const states = after(ticks.map((isAwaited, i) => isAwaited && !ticks[i - 1]));
      return states.every((state) => !state.isHung && !isToBeProbed(state));
    }),
  );
});
