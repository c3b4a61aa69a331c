import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createSubjects } from '../../fanout/in-hand.ts';
import type { OutboxEntry } from '../../store/presence-store.ts';
import { entryOf, inHand } from './entries.ts';

const viewers = ['bob', 'carol', 'dave'];
const entries = fc
  .array(
    fc.record({
      userId: fc.constantFrom('alice', 'zoe'),
      only: fc.uniqueArray(fc.constantFrom(...viewers)),
    }),
    { maxLength: 12 },
  )
  .map((all) => all.map(({ userId, only }, i) => entryOf(userId, i + 1, { only })));

/** An announcement reaches those it names; a transition whoever is pushed to: here bob, and one nobody names. */
function reaches({ only }: OutboxEntry, viewer: string): boolean {
  return (only.length > 0 ? only : ['bob', 'pushed']).includes(viewer);
}

test('what reaches a viewer last is never superseded', () => {
  fc.assert(
    fc.property(entries, (all) => {
      const subjects = createSubjects();
      const items = all.map(inHand);
      items.forEach((item) => subjects.add(item));
      for (const subject of ['alice', 'zoe']) {
        const ofSubject = items.filter(({ entry }) => entry.settled.userId === subject);
        for (const viewer of [...viewers, 'pushed']) {
          const last = ofSubject.filter(({ entry }) => reaches(entry, viewer)).at(-1);
          expect(last?.superseded ?? false).toBe(false);
        }
      }
    }),
  );
});

test('a transition does not replace an announcement, nor the other way round', () => {
  const subjects = createSubjects();
  const announced = inHand(entryOf('alice', 1, { only: ['bob'] }));
  const changed = inHand(entryOf('alice', 2));
  const later = inHand(entryOf('alice', 3, { only: ['carol'] }));
  for (const item of [announced, changed, later]) subjects.add(item);
  expect([announced, changed, later].map(({ superseded }) => superseded)).toEqual([
    ...[false, false, false],
  ]);
});

test('an announcement that some hear nothing of replaces none of which more hear', () => {
  const subjects = createSubjects();
  const loud = inHand(entryOf('alice', 1, { only: ['bob'] }));
  const quieter = inHand(entryOf('alice', 2, { only: ['bob'], quiet: 'PULLED' }));
  const quiet = inHand(entryOf('alice', 2, { only: ['bob'], quiet: 'ALL' }));
  const again = inHand(entryOf('alice', 2, { only: ['bob'], quiet: 'ALL' }));
  const items = [loud, quieter, quiet, again];
  for (const item of items) subjects.add(item);
  expect(items.map(({ superseded }) => superseded)).toEqual([false, false, true, false]);
});

test('what renews a view is replaced by its like alone', () => {
  const subjects = createSubjects();
  const first = inHand(entryOf('alice', 1, { only: ['bob'], quiet: 'VIEW' }));
  const loud = inHand(entryOf('alice', 1, { only: ['bob'] }));
  for (const item of [first, loud]) subjects.add(item);
  expect([first, loud].map(({ superseded }) => superseded)).toEqual([false, false]);
  subjects.add(inHand(entryOf('alice', 1, { only: ['bob'], quiet: 'VIEW' })));
  expect([first, loud].map(({ superseded }) => superseded)).toEqual([true, false]);
});

test('entries of a subject follow one another until they are removed', () => {
  const subjects = createSubjects();
  const [first, second, third] = [1, 2, 3].map((version) => inHand(entryOf('alice', version)));
  expect(subjects.add(first!)).toBeUndefined();
  expect(subjects.add(second!)).toBe(first);
  expect(subjects.add(inHand(entryOf('zoe', 9)))).toBeUndefined();
  subjects.remove(first!);
  subjects.remove(second!);
  expect(subjects.add(third!)).toBeUndefined();
});
