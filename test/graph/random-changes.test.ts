/** Random changes, the same on both stores: they agree, and what one user sees is what the other one shows. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { audienceOf, contactOf, contactsOf, type UserNode } from '../../graph/audience.ts';
import { createDgraphGraphStore } from '../../graph/dgraph-graph-store.ts';
import type { ChangeKind, EdgeChange } from '../../graph/edges.ts';
import type { GraphStore } from '../../graph/graph-store.ts';
import { createMemoryGraphStore } from '../../graph/memory-graph-store.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { sharedDgraph } from '../support/shared-servers.ts';

/** Few, so that five users reach pull mode and come back. */
const maxFollowers = 1;

let dgraph: GraphStore;
beforeAll(async () => {
  const { port } = await sharedDgraph();
  dgraph = createDgraphGraphStore({ address: `127.0.0.1:${port}`, clock, maxFollowers });
  await dgraph.prepare();
}, 240_000);
afterAll(async () => {
  await dgraph[Symbol.asyncDispose]();
});

const NAMES = ['a', 'b', 'c', 'd', 'e'];
/** Follows are frequent for the same reason. */
const KINDS: ChangeKind[] = [
  ...(['BEFRIEND', 'UNFRIEND', 'BLOCK', 'UNBLOCK'] as const),
  ...(['FOLLOW', 'FOLLOW', 'FOLLOW', 'UNFOLLOW', 'UNFOLLOW'] as const),
];

const pair = fc.shuffledSubarray(NAMES, { minLength: 2, maxLength: 2 });
const changes = (maxLength: number) =>
  fc.array(
    fc
      .tuple(fc.constantFrom(...KINDS), pair)
      .map(([kind, [from, to]]): EdgeChange => ({ kind, from: from!, to: to! })),
    { maxLength, size: 'max' },
  );

const memory = (): GraphStore => createMemoryGraphStore({ clock, maxFollowers });

/** Applies a change, announced with a version that both stores are given alike. */
async function apply(store: GraphStore, change: EdgeChange, version: number) {
  const { revision, records } = await store.change(change);
  const announcements = records.flatMap((record) => record.announcements);
  for (const record of records) {
    const freezes = record.announcements.flatMap(({ subject, only }) =>
      only === 'FOLLOWERS'
        ? []
        : only.map((viewerId) => ({
            viewerId,
            subjectId: subject,
            frozen: { version, lastActiveMs: version },
          })),
    );
    await store.settle(record, record.blockId === undefined ? [] : freezes);
  }
  return { revision, announcements };
}

/** Comparable: without revisions and the order Dgraph happens to answer in. */
function shapeOf(node: UserNode) {
  return {
    pull: node.pull,
    friends: [...node.friends].sort(),
    follows: [...node.follows].sort((x, y) => x.userId.localeCompare(y.userId)),
    followers: [...node.followers].sort(),
    hidden: [...node.hidden].sort(([x], [y]) => x.localeCompare(y)),
  };
}

test('what a viewer sees is what the subject shows them', async () => {
  await fc.assert(
    fc.asyncProperty(changes(40), async (list) => {
      const store = memory();
      for (const [index, change] of list.entries()) await apply(store, change, index + 1);
      for (const viewer of NAMES) {
        const contacts = contactsOf(await store.user(viewer, 0));
        for (const subject of NAMES) {
          const contact = contacts.find(({ userId }) => userId === subject);
          const { groups } = audienceOf(await store.user(subject, 0));
          const isTold = groups.some(({ userIds }) => userIds.includes(viewer));
          expect(isTold).toBe(contact?.mode === 'PUSH' && !contact.hidden);
          const { views } = await store.viewsOf(viewer, [subject]);
          expect(contactOf(views[0]!)).toEqual(contact);
          expect((await store.viewsOn(subject, [viewer])).views).toEqual(views);
        }
      }
    }),
    { numRuns: 100 },
  );
});

test('whoever is shown something else by a change is announced to', async () => {
  const seenBy = async (store: GraphStore, viewer: string) =>
    new Map(contactsOf(await store.user(viewer, 0)).map((contact) => [contact.userId, contact]));
  await fc.assert(
    fc.asyncProperty(changes(30), async (list) => {
      const store = memory();
      for (const [index, change] of list.entries()) {
        const before = await Promise.all(NAMES.map((viewer) => seenBy(store, viewer)));
        const { announcements } = await apply(store, change, index + 1);
        for (const [at, viewer] of NAMES.entries()) {
          const after = await seenBy(store, viewer);
          for (const subject of NAMES) {
            const was = before[at]?.get(subject);
            const is = after.get(subject);
            if (was?.mode === is?.mode && !was?.hidden === !is?.hidden) continue;
            const isAnnounced = announcements.some(
              (one) =>
                one.subject === subject && (one.only === 'FOLLOWERS' || one.only.includes(viewer)),
            );
            expect([change, viewer, subject, isAnnounced]).toEqual([change, viewer, subject, true]);
          }
        }
      }
    }),
    { numRuns: 100 },
  );
});

test('Dgraph and the in-process store agree after every change', async () => {
  await fc.assert(
    fc.asyncProperty(changes(15), async (list) => {
      const suffix = clock.uuid();
      const real = (name: string): string => `${name}-${suffix}`;
      const store = memory();
      for (const [index, { kind, from, to }] of list.entries()) {
        const change = { kind, from: real(from), to: real(to) };
        const expected = await apply(store, change, index + 1);
        const actual = await apply(dgraph, change, index + 1);
        expect(actual.announcements).toEqual(expected.announcements);
        for (const userId of [change.from, change.to]) {
          const shape = shapeOf(await store.user(userId, 0));
          // At the revision of the change what was shown last need not be on record yet.
          const changed = { ...shape, hidden: expect.anything() as unknown };
          expect(shapeOf(await dgraph.user(userId, actual.revision))).toEqual(changed);
          expect(shapeOf(await dgraph.user(userId, Number.MAX_SAFE_INTEGER))).toEqual(shape);
        }
      }
    }),
    { numRuns: 25 },
  );
}, 600_000);
