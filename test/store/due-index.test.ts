import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DueIndex } from '../../store/due-index.ts';

const step = fc.record({
  userId: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  /** Deletes when undefined. */
  atMs: fc.option(fc.integer({ min: 0, max: 200 }), { nil: undefined }),
});

test('is what a sorted list would be', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(step, fc.nat(9))), (steps) => {
      const index = new DueIndex();
      const list = new Map<string, number>();
      let nowMs = 0;
      for (const [{ userId, atMs }, passedMs] of steps) {
        nowMs += passedMs;
        if (atMs === undefined) {
          index.delete(userId);
          list.delete(userId);
        } else {
          index.set(userId, atMs);
          list.set(userId, atMs);
        }
        const due = [...list].filter(([, at]) => at < nowMs).map(([id]) => id);
        const first = index.first();
        if (due.length > 0) expect(due).toContain(first?.userId);
        else expect(first?.atMs).toBe([...list.values()].sort((a, b) => a - b)[0]);
        expect(index.due(nowMs, 10).sort()).toEqual(due.sort());
      }
    }),
  );
});

test('gives at most so many, and the same ones until they are set anew', () => {
  const index = new DueIndex();
  for (const [userId, atMs] of Object.entries({ late: 30, early: 10, middle: 20 })) {
    index.set(userId, atMs);
  }
  expect(index.due(10, 9)).toEqual([]);
  expect(index.due(25, 1)).toEqual(['early']);
  expect(index.due(25, 9)).toEqual(['early', 'middle']);
  index.set('early', 50);
  expect(index.due(25, 9)).toEqual(['middle']);
  index.delete('middle');
  expect(index.due(60, 9)).toEqual(['late', 'early']);
});

test('brings forward whoever is too far ahead', () => {
  const index = new DueIndex();
  index.set('near', 10);
  index.set('far', 1_000);
  index.bringForward(500, 20);
  expect(index.due(21, 9)).toEqual(['near', 'far']);
});
