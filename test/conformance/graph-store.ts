/** What both adapters of the graph store's port promise. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { audienceAmong, audienceOf, contactsOf } from '../../graph/audience.ts';
import type { ChangeKind } from '../../graph/edges.ts';
import type { GraphStore, LoadEdge, PendingRecord, StoredChange } from '../../graph/graph-store.ts';
import { systemClock } from '../../lib/clock.ts';

/** Of the stores under test: pull above 10 followers, push again at 9. */
export const MAX_FOLLOWERS = 10;

/** The server may have to be built first. */
const START_MS = 240_000;

export function describeGraphStore(name: string, createStore: () => Promise<GraphStore>): void {
  describe(`graph store: ${name}`, () => {
    let store: GraphStore;
    beforeAll(async () => {
      store = await createStore();
      await store.prepare();
    }, START_MS);
    afterAll(async () => {
      for (const record of left) await store.settle(record, []);
      await store[Symbol.asyncDispose]();
    });

    /** Names nobody else uses, so that tests may share a server. */
    const people = (): Record<'alice' | 'bob' | 'carol', string> => {
      const suffix = systemClock.uuid();
      return { alice: `alice-${suffix}`, bob: `bob-${suffix}`, carol: `carol-${suffix}` };
    };
    const left: PendingRecord[] = [];
    const change = async (kind: ChangeKind, from: string, to: string): Promise<StoredChange> => {
      const stored = await store.change({ kind, from, to });
      left.push(...stored.records);
      return stored;
    };
    /** Changes an edge and settles it, as after an announcement that showed nothing. */
    const done = async (kind: ChangeKind, from: string, to: string): Promise<number> => {
      const { revision, records } = await change(kind, from, to);
      for (const record of records) await store.settle(record, []);
      return revision;
    };
    const pendingOf = async (userId: string) => {
      const { records } = await store.pending();
      return records.filter(({ announcements }) =>
        announcements.some(({ subject }) => subject === userId),
      );
    };
    const followersOf = async (userId: string): Promise<string[]> => {
      const all: string[] = [];
      for await (const page of store.followers(userId)) all.push(...page);
      return all.sort();
    };

    test('a user nobody has named has no edges', async () => {
      const { alice, bob } = people();
      const node = await store.user(alice, 0);
      expect(node).toMatchObject({ userId: alice, pull: false, friends: [], follows: [] });
      expect(node.followers).toEqual([]);
      expect(node.hidden.size).toBe(0);
      const { views } = await store.viewsOn(alice, [bob]);
      expect(views).toEqual([
        {
          viewerId: bob,
          subjectId: alice,
          friends: false,
          follows: false,
          pull: false,
          hidden: undefined,
        },
      ]);
      expect(await followersOf(alice)).toEqual([]);
    });

    test('friends see each other; a read given the revision of the change contains it', async () => {
      const { alice, bob } = people();
      const { revision, records } = await change('BEFRIEND', alice, bob);
      expect(records).toHaveLength(1);
      expect(records[0]?.announcements).toEqual([
        { subject: alice, only: [bob] },
        { subject: bob, only: [alice] },
      ]);
      for (const [one, other] of [
        [alice, bob],
        [bob, alice],
      ] as const) {
        const node = await store.user(one, revision);
        expect(node.friends).toEqual([other]);
        expect(node.revision).toBeGreaterThanOrEqual(revision);
      }
    });

    test('revisions ascend', async () => {
      const { alice, bob, carol } = people();
      const first = await done('BEFRIEND', alice, bob);
      const second = await done('FOLLOW', carol, alice);
      const third = await done('UNFRIEND', alice, bob);
      expect(second).toBeGreaterThan(first);
      expect(third).toBeGreaterThan(second);
      expect((await store.user(alice, third)).friends).toEqual([]);
      expect((await store.user(bob, third)).friends).toEqual([]);
    });

    test('follows go one way', async () => {
      const { alice, bob } = people();
      const revision = await done('FOLLOW', alice, bob);
      const follower = await store.user(alice, revision);
      const followed = await store.user(bob, revision);
      expect(follower.follows).toEqual([{ userId: bob, pull: false }]);
      expect(followed.followers).toEqual([alice]);
      expect(contactsOf(followed)).toEqual([]);
      expect(audienceOf(followed).groups).toEqual([{ mode: 'PUSH', userIds: [alice] }]);
      const after = await done('UNFOLLOW', alice, bob);
      expect((await store.user(alice, after)).follows).toEqual([]);
      expect((await store.user(bob, after)).followers).toEqual([]);
    });

    test('a change is pending until it is settled', async () => {
      const { alice, bob } = people();
      const { records } = await change('BEFRIEND', alice, bob);
      expect(await pendingOf(alice)).toEqual(records);
      await store.settle(records[0]!, []);
      expect(await pendingOf(alice)).toEqual([]);
    });

    test('settling twice is no error', async () => {
      const { alice, bob } = people();
      const { records } = await change('BEFRIEND', alice, bob);
      await store.settle(records[0]!, []);
      await store.settle(records[0]!, []);
      expect((await store.user(alice, 0)).userId).toBe(alice);
    });

    test('what is so already writes nothing, and answers with what is still to be announced', async () => {
      const { alice, bob } = people();
      const first = await change('BEFRIEND', alice, bob);
      const again = await change('BEFRIEND', bob, alice);
      expect(again.records).toEqual(first.records);
      expect(again.revision).toBeGreaterThanOrEqual(first.revision);
      await store.settle(first.records[0]!, []);
      expect((await change('BEFRIEND', alice, bob)).records).toEqual([]);
      expect((await change('UNFOLLOW', alice, bob)).records).toEqual([]);
      expect((await change('UNBLOCK', alice, bob)).records).toEqual([]);
    });

    test('a block hides both ways and keeps the friendship', async () => {
      const { alice, bob } = people();
      await done('BEFRIEND', alice, bob);
      const { revision } = await change('BLOCK', alice, bob);
      for (const [one, other] of [
        [alice, bob],
        [bob, alice],
      ] as const) {
        const node = await store.user(one, revision);
        expect(node.friends).toEqual([other]);
        expect(node.hidden.get(other)).toEqual({ frozen: undefined });
        expect(audienceOf(node).groups).toEqual([]);
      }
    });

    test('what a block showed last is frozen, for each side their own', async () => {
      const { alice, bob } = people();
      await done('BEFRIEND', alice, bob);
      const { records } = await change('BLOCK', alice, bob);
      const ofAlice = { version: 1_700_000_000_123, lastActiveMs: 1_700_000_000_001 };
      const ofBob = { version: 7, lastActiveMs: 0 };
      await store.settle(records[0]!, [
        { viewerId: bob, subjectId: alice, frozen: ofAlice },
        { viewerId: alice, subjectId: bob, frozen: ofBob },
      ]);
      const { views } = await store.viewsOn(alice, [bob]);
      expect(audienceAmong(views).hidden).toEqual([{ userId: bob, frozen: ofAlice, mode: 'PUSH' }]);
      expect((await store.viewsOf(alice, [bob])).views[0]?.hidden).toEqual({ frozen: ofBob });
      const { revision } = await change('BLOCK', bob, alice);
      expect((await store.user(bob, revision)).hidden.get(alice)).toEqual({ frozen: ofAlice });
    });

    test('a block that ended before it was announced freezes nothing in the next one', async () => {
      const { alice, bob } = people();
      await done('BEFRIEND', alice, bob);
      const first = await change('BLOCK', alice, bob);
      await change('UNBLOCK', alice, bob);
      const { revision, records } = await change('BLOCK', alice, bob);
      expect(records).toHaveLength(3);
      const stale = { version: 1, lastActiveMs: 1 };
      await store.settle(first.records[0]!, [{ viewerId: bob, subjectId: alice, frozen: stale }]);
      expect((await store.user(bob, revision)).hidden.get(alice)).toEqual({ frozen: undefined });
    });

    test('a stranger who is blocked is told nothing, and later sees one who was never there', async () => {
      const { alice, bob } = people();
      const { records } = await change('BLOCK', alice, bob);
      expect(records.flatMap(({ announcements }) => announcements)).toEqual([]);
      for (const record of records) await store.settle(record, []);
      const revision = await done('FOLLOW', bob, alice);
      const [contact] = contactsOf(await store.user(bob, revision));
      expect(contact?.hidden).toEqual({ frozen: { version: 0, lastActiveMs: 0 } });
    });

    test('two who block each other stay hidden until both have taken it back', async () => {
      const { alice, bob } = people();
      await done('BEFRIEND', alice, bob);
      await done('BLOCK', alice, bob);
      await done('BLOCK', bob, alice);
      const half = await done('UNBLOCK', alice, bob);
      expect((await store.user(alice, half)).hidden.has(bob)).toBe(true);
      const whole = await done('UNBLOCK', bob, alice);
      expect((await store.user(alice, whole)).hidden.size).toBe(0);
      expect((await store.user(bob, whole)).hidden.size).toBe(0);
    });

    test('views are in the order asked for, strangers among them', async () => {
      const { alice, bob, carol } = people();
      await done('BEFRIEND', alice, bob);
      await done('FOLLOW', alice, carol);
      const { views } = await store.viewsOf(alice, [carol, 'nobody', bob]);
      expect(views.map(({ subjectId, friends, follows }) => [subjectId, friends, follows])).toEqual(
        [
          [carol, false, true],
          ['nobody', false, false],
          [bob, true, false],
        ],
      );
      const on = await store.viewsOn(carol, ['nobody', bob, alice]);
      expect(on.views.map(({ viewerId, follows }) => [viewerId, follows])).toEqual([
        ['nobody', false],
        [bob, false],
        [alice, true],
      ]);
    });

    test('views asked for at the same time are each one’s own', async () => {
      const { alice, bob, carol } = people();
      await done('BEFRIEND', alice, bob);
      await done('FOLLOW', alice, carol);
      await done('BLOCK', bob, carol);
      const asked: readonly [string, readonly string[]][] = [
        ...[alice, bob, 'nobody', alice].map((viewer): [string, string[]] => [viewer, [carol]]),
        ...[bob, carol].map((viewer): [string, string[]] => [viewer, [alice, bob]]),
      ];
      const answers = await Promise.all(asked.map((one) => store.viewsOf(...one)));
      const brief = answers.map(({ views }) =>
        views.map((view) => [view.viewerId, view.subjectId, view.friends, view.follows]),
      );
      expect(brief).toEqual([
        [[alice, carol, false, true]],
        [[bob, carol, false, false]],
        [['nobody', carol, false, false]],
        [[alice, carol, false, true]],
        ...[bob, carol].map((viewer) => [
          [viewer, alice, viewer === bob, false],
          [viewer, bob, false, false],
        ]),
      ]);
      // Bob and carol of each other, since one blocks the other.
      const isAnyHidden = answers.map(({ views }) => views.some(({ hidden }) => hidden));
      expect(isAnyHidden).toEqual([false, true, false, false, false, true]);
    });

    test('a user with many followers goes to pull, and back only well below', async () => {
      const { alice } = people();
      const fans = Array.from({ length: MAX_FOLLOWERS + 1 }, (_, i) => `fan${i}-${alice}`);
      let last: StoredChange | undefined;
      for (const fan of fans) last = await change('FOLLOW', fan, alice);
      expect(last?.records[0]?.announcements).toContainEqual({
        ...{ subject: alice, only: 'FOLLOWERS', renew: 'ALWAYS' },
      });
      expect(await followersOf(alice)).toEqual([...fans].sort());
      const celebrity = await store.user(alice, last?.revision ?? 0);
      expect(celebrity).toMatchObject({ pull: true, followers: [] });
      expect((await store.user(fans[0]!, last?.revision ?? 0)).follows).toEqual([
        { userId: alice, pull: true },
      ]);
      const { views } = await store.viewsOn(alice, [fans[3]!]);
      expect(audienceAmong(views).groups).toEqual([{ mode: 'PULL', userIds: [fans[3]] }]);
      const first = await change('UNFOLLOW', fans[0]!, alice);
      expect((await store.user(alice, first.revision)).pull).toBe(true);
      const second = await change('UNFOLLOW', fans[1]!, alice);
      const again = await store.user(alice, second.revision);
      expect(again.pull).toBe(false);
      expect(again.followers).toHaveLength(MAX_FOLLOWERS - 1);
    });

    test('concurrent changes of all kinds end as some order of them would', async () => {
      const { alice, bob, carol } = people();
      await Promise.all([
        done('BEFRIEND', alice, bob),
        done('BEFRIEND', bob, alice),
        done('FOLLOW', alice, bob),
        done('FOLLOW', bob, alice),
        done('BEFRIEND', alice, carol),
        done('BLOCK', alice, bob),
        done('BLOCK', bob, alice),
      ]);
      const revision = await done('UNBLOCK', alice, bob);
      const node = await store.user(alice, revision);
      expect([...node.friends].sort()).toEqual([bob, carol].sort());
      expect(node.follows.map(({ userId }) => userId)).toEqual([bob]);
      expect(node.hidden.has(bob)).toBe(true);
    });

    test('loads edges, again without harm, and says that it did', async () => {
      const { alice, bob, carol } = people();
      const before = await store.pending();
      const edges: LoadEdge[] = [
        { kind: 'FRIEND', from: alice, to: bob },
        { kind: 'FRIEND', from: alice, to: bob },
        { kind: 'FOLLOWS', from: carol, to: alice },
      ];
      await store.load(edges);
      const revision = await store.load(edges);
      expect((await store.user(alice, revision)).friends).toEqual([bob]);
      expect((await store.user(bob, revision)).friends).toEqual([alice]);
      expect((await store.user(alice, revision)).followers).toEqual([carol]);
      expect((await store.pending()).loads).not.toBe(before.loads);
      expect(await pendingOf(alice)).toEqual([]);
    });

    test('loading followers decides push or pull', async () => {
      const { alice, bob } = people();
      const fan = (i: number): LoadEdge => ({
        kind: 'FOLLOWS',
        from: `fan${i}-${alice}`,
        to: alice,
      });
      const fans = Array.from({ length: MAX_FOLLOWERS + 1 }, (_, i) => fan(i));
      const first = await store.load(fans.slice(0, MAX_FOLLOWERS));
      expect((await store.user(alice, first)).pull).toBe(false);
      const second = await store.load([...fans, { kind: 'FOLLOWS', from: alice, to: bob }]);
      expect((await store.user(alice, second)).pull).toBe(true);
      expect((await store.user(bob, second)).pull).toBe(false);
    });
  });
}
