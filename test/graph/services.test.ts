/** GraphService over real gRPC, on both stores, with a presence that takes announcements. */
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  Relation,
  type Edge,
  type ImportEdgesRequest,
  type ImportEdgesResponse,
} from '../../gen/graph/v1/graph_service.ts';
import { Mode } from '../../gen/presence/v1/presence.ts';
import { createDgraphGraphStore } from '../../graph/dgraph-graph-store.ts';
import type { GraphStore } from '../../graph/graph-store.ts';
import { createMemoryGraphStore } from '../../graph/memory-graph-store.ts';
import { systemClock as clock, type Clock } from '../../lib/clock.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { sharedDgraph } from '../support/shared-servers.ts';
import { playPresence, startGraph, type PlayedPresence, type TestGraph } from './support.ts';

/** The version of an announcement. */
const KEEPS = { renew: false, renewPresent: false, renewView: false };
/** Of the stores under test. */
const MAX_FOLLOWERS = 10;

/** Where a change takes long, it is announced by who looks for what was left, too: that is to be later still. */
const replayingLater: Clock = { ...clock, after: (ms, task) => clock.after(3 * ms, task) };

const stores: Record<string, () => Promise<GraphStore>> = {
  'in process': () =>
    Promise.resolve(createMemoryGraphStore({ clock, maxFollowers: MAX_FOLLOWERS })),
  Dgraph: async () => {
    const { port } = await sharedDgraph();
    const address = `127.0.0.1:${port}`;
    return createDgraphGraphStore({ address, clock, maxFollowers: MAX_FOLLOWERS });
  },
};

describe.each(Object.keys(stores))('GraphService, %s', (name) => {
  let store: GraphStore;
  let presence: PlayedPresence;
  let graph: TestGraph;
  let alice: string;
  let bob: string;

  beforeAll(async () => {
    store = await stores[name]!();
    // One that nobody else gets while presence is away.
    presence = await playPresence(await freePort());
    const presenceAddress = `127.0.0.1:${presence.port}`;
    graph = await startGraph({ store, presenceAddress, clock: replayingLater });
    await eventually(() => graph.part.readiness.isReady());
  }, 240_000);
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
    await presence[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    alice = `alice-${clock.uuid()}`;
    bob = `bob-${clock.uuid()}`;
  });

  const befriend = (userId: string, friendUserId: string) =>
    graph.pool.unary((client) => client.befriend, { userId, friendUserId });
  const unfriend = (userId: string, friendUserId: string) =>
    graph.pool.unary((client) => client.unfriend, { userId, friendUserId });
  const follow = (userId: string, followedUserId: string) =>
    graph.pool.unary((client) => client.follow, { userId, followedUserId });
  const unfollow = (userId: string, followedUserId: string) =>
    graph.pool.unary((client) => client.unfollow, { userId, followedUserId });
  const block = (userId: string, blockedUserId: string) =>
    graph.pool.unary((client) => client.block, { userId, blockedUserId });
  const unblock = (userId: string, blockedUserId: string) =>
    graph.pool.unary((client) => client.unblock, { userId, blockedUserId });
  const filterVisible = (viewerUserId: string, userIds: string[]) =>
    graph.pool.unary((client) => client.filterVisible, { viewerUserId, userIds });
  const announcedOf = (subject: string) =>
    presence.announced.filter(({ subjectUserId }) => subjectUserId === subject);

  describe('changes', () => {
    test('friends are contacts and audience of each other once the call has answered', async () => {
      const { graphRevision } = await befriend(alice, bob);
      expect(await graph.contacts(alice, graphRevision)).toEqual([
        {
          userId: bob,
          relation: Relation.RELATION_FRIEND,
          mode: Mode.MODE_PUSH,
          hidden: false,
          frozen: undefined,
        },
      ]);
      const audience = await graph.audience(bob, { minRevision: graphRevision });
      expect(audience.groups).toEqual([{ mode: Mode.MODE_PUSH, userIds: [alice] }]);
      expect(audience.revision).toBeGreaterThanOrEqual(graphRevision);
    });

    test('they are announced both ways, with a revision that reads can wait for', async () => {
      const { graphRevision } = await befriend(alice, bob);
      expect(announcedOf(alice)).toEqual([
        { subjectUserId: alice, onlyUserIds: [bob], graphRevision, ...KEEPS },
      ]);
      expect(announcedOf(bob)).toEqual([
        { subjectUserId: bob, onlyUserIds: [alice], graphRevision, ...KEEPS },
      ]);
    });

    test('what is so already is not announced again', async () => {
      await befriend(alice, bob);
      await befriend(bob, alice);
      expect(announcedOf(alice)).toHaveLength(1);
    });

    test('an old friend is removed, and still seen by whom follows', async () => {
      await befriend(alice, bob);
      await unfriend(bob, alice);
      const gone = await graph.audience(alice, { onlyUserIds: [bob] });
      expect(gone).toMatchObject({ groups: [], hidden: [], removedUserIds: [bob] });
      await befriend(alice, bob);
      await follow(bob, alice);
      const { graphRevision } = await unfriend(alice, bob);
      const seen = await graph.audience(alice, { onlyUserIds: [bob] });
      expect(seen.groups).toEqual([{ mode: Mode.MODE_PUSH, userIds: [bob] }]);
      expect((await graph.contacts(bob, graphRevision)).map(({ relation }) => relation)).toEqual([
        Relation.RELATION_FOLLOWED,
      ]);
      expect(await graph.contacts(alice, graphRevision)).toEqual([]);
    });

    test('a follower is told, the followed is not', async () => {
      const { graphRevision } = await follow(alice, bob);
      expect(announcedOf(bob).map(({ onlyUserIds }) => onlyUserIds)).toEqual([[alice]]);
      expect(announcedOf(alice).map(({ onlyUserIds }) => onlyUserIds)).toEqual([[]]);
      const self = await graph.audience(alice, { onlyUserIds: [alice] });
      expect(self).toMatchObject({ groups: [], hidden: [], removedUserIds: [] });
      expect(await graph.contacts(bob, graphRevision)).toEqual([]);
      await unfollow(alice, bob);
      expect((await graph.audience(bob, { onlyUserIds: [alice] })).removedUserIds).toEqual([alice]);
    });

    test('a block shows both what was announced last, until it is taken back', async () => {
      await befriend(alice, bob);
      const { graphRevision } = await block(alice, bob);
      const shown = (subject: string) => announcedOf(subject).at(-1)!;
      const versionOf = (subject: string) =>
        BigInt(1001 + presence.announced.indexOf(shown(subject)));
      const [contact] = await graph.contacts(bob, graphRevision);
      expect(contact).toMatchObject({
        userId: alice,
        hidden: true,
        frozen: { version: versionOf(alice), lastActive: new Date(1_700_000_000_000) },
      });
      expect((await graph.audience(alice, { minRevision: graphRevision })).groups).toEqual([]);
      const { hidden } = await graph.audience(alice, { onlyUserIds: [bob] });
      expect(hidden).toMatchObject([
        { userId: bob, mode: Mode.MODE_PUSH, frozen: { version: versionOf(alice) } },
      ]);
      const after = await unblock(alice, bob);
      const [again] = await graph.contacts(bob, after.graphRevision);
      expect(again).toMatchObject({ hidden: false, frozen: undefined });
      expect(announcedOf(alice)).toHaveLength(3);
    });

    test('a block says what was shown of whom is offline, and its end what was shown while it lasted', async () => {
      await befriend(alice, bob);
      presence.offline.set(alice, 77n);
      await block(bob, alice);
      const ofWhoBlocks = { ...KEEPS, renewPresent: true };
      const ofTheBlocked = { ...KEEPS, renewView: true };
      expect(announcedOf(alice).at(-1)).toMatchObject({
        ...{ onlyUserIds: [bob], shownVersion: 77n, ...ofTheBlocked },
      });
      expect(announcedOf(bob).at(-1)).toMatchObject({ shownVersion: undefined, ...ofWhoBlocks });
      const shownOfBob = BigInt(1001 + presence.announced.indexOf(announcedOf(bob).at(-1)!));
      await unblock(bob, alice);
      expect(announcedOf(alice).at(-1)).toMatchObject({
        ...{ onlyUserIds: [bob], shownVersion: 77n, ...ofTheBlocked },
      });
      expect(announcedOf(bob).at(-1)).toMatchObject({ shownVersion: shownOfBob, ...ofWhoBlocks });
    });

    test('a friend who follows a celebrity comes to see another mode: the version moves', async () => {
      await store.load(
        Array.from({ length: MAX_FOLLOWERS + 1 }, (_, i) => ({
          ...{ kind: 'FOLLOWS' as const, from: `fan${i}-${alice}`, to: alice },
        })),
      );
      await follow(bob, alice);
      await befriend(alice, bob);
      await unfriend(alice, bob);
      const renewals = (subject: string) => announcedOf(subject).map(({ renew }) => renew);
      expect(renewals(alice)).toEqual([false, true, true]);
      expect(renewals(bob)).toEqual([false, false, false]);
    });

    test('a block by a stranger announces nothing', async () => {
      await block(alice, bob);
      expect([...announcedOf(alice), ...announcedOf(bob)]).toEqual([]);
    });

    test('when many follow, all followers are told that they are to ask', async () => {
      const fans = Array.from({ length: MAX_FOLLOWERS + 1 }, (_, i) => `fan${i}-${alice}`);
      for (const fan of fans) await follow(fan, alice);
      expect([...(announcedOf(alice).at(-1)?.onlyUserIds ?? [])].sort()).toEqual([...fans].sort());
      const { groups, revision } = await graph.audience(alice, { onlyUserIds: fans });
      expect(groups.map(({ mode }) => mode)).toEqual([Mode.MODE_PULL]);
      expect((await graph.audience(alice, { minRevision: revision })).groups).toEqual([]);
      const [contact] = await graph.contacts(fans[0]!, revision);
      expect(contact?.mode).toBe(Mode.MODE_PULL);
    });

    test('with presence away it is stored, said so, and announced when presence is back', async () => {
      const { port } = presence;
      await presence[Symbol.asyncDispose]();
      await expect(befriend(alice, bob)).rejects.toMatchObject({
        code: status.UNAVAILABLE,
        message: expect.stringMatching(/stored, to be announced .* presence at 127\.0\.0\.1/),
      });
      expect((await store.user(alice, Number.MAX_SAFE_INTEGER)).friends).toEqual([bob]);
      await expect(befriend(alice, bob)).rejects.toMatchObject({ code: status.UNAVAILABLE });
      presence = await playPresence(port);
      await eventually(() => announcedOf(alice).length > 0 && announcedOf(bob).length > 0);
      await eventually(async () => {
        const { records } = await store.pending();
        expect(JSON.stringify(records)).not.toContain(alice);
      });
    });
  });

  describe('reads', () => {
    test('contacts come in pages, one at least', async () => {
      const empty = await graph.pages({ userId: alice });
      expect(empty).toHaveLength(1);
      expect(empty[0]?.contacts).toEqual([]);
      const friends = Array.from({ length: 5 }, (_, i) => `friend${i}-${alice}`);
      await store.load(friends.map((to) => ({ kind: 'FRIEND', from: alice, to })));
      const { graphRevision } = await befriend(alice, bob);
      await unfriend(alice, bob);
      const pages = await graph.pages({
        userId: alice,
        pageSize: 2,
        minRevision: graphRevision,
      });
      expect(pages.map(({ contacts }) => contacts.length)).toEqual([2, 2, 1]);
      expect(new Set(pages.map(({ revision }) => revision)).size).toBe(1);
      const ids = pages.flatMap(({ contacts }) => contacts.map(({ userId }) => userId));
      expect(ids.sort()).toEqual(friends);
    });

    test('only friends and followed are visible, in the order asked', async () => {
      const carol = `carol-${alice}`;
      await befriend(alice, bob);
      await follow(alice, carol);
      const { contacts } = await filterVisible(alice, [carol, 'stranger', alice, bob]);
      expect(contacts.map(({ userId, relation }) => [userId, relation])).toEqual([
        [carol, Relation.RELATION_FOLLOWED],
        [bob, Relation.RELATION_FRIEND],
      ]);
    });
  });

  describe('bad input names the field', () => {
    const long = 'x'.repeat(129);
    const cases: readonly (readonly [string, () => Promise<unknown>, string])[] = [
      ['no user', () => befriend('', 'bob'), 'user_id: is missing'],
      ['a bad friend', () => befriend('a', 'b b'), 'friend_user_id: "b b" is no id'],
      ['oneself as a friend', () => befriend('a', 'a'), 'friend_user_id: is the same as user_id'],
      ['an old friend of themselves', () => unfriend('a', 'a'), 'friend_user_id: is the same'],
      ['a long followed', () => follow('a', long), 'followed_user_id:'],
      ['oneself unfollowed', () => unfollow('a', 'a'), 'followed_user_id: is the same'],
      ['oneself blocked', () => block('a', 'a'), 'blocked_user_id: is the same'],
      ['nobody unblocked', () => unblock('a', ''), 'blocked_user_id: is missing'],
      ['a bad subject', () => graph.audience('*'), 'subject_user_id: "*" is no id'],
      ['a bad viewer', () => graph.audience('a', { onlyUserIds: ['b', '*'] }), 'only_user_ids[1]:'],
      [
        'too many viewers',
        () => graph.audience('a', { onlyUserIds: Array<string>(1001).fill('b') }),
        'only_user_ids: has 1001 ids',
      ],
      ['no users to filter', () => filterVisible('a', []), 'user_ids: is empty'],
      ['a bad asker', () => filterVisible('', ['b']), 'viewer_user_id: is missing'],
      ['no lister', () => graph.pages({}), 'user_id: is missing'],
      ['a large page', () => graph.pages({ userId: 'a', pageSize: 1001 }), 'page_size: is 1001'],
    ];
    test.each(cases)('%s', async (_, attempt, says) => {
      await expect(attempt()).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
        message: expect.stringContaining(says),
      });
    });
  });

  describe('import', () => {
    const edge = (
      fromUserId: string,
      toUserId: string,
      relation: Relation = Relation.RELATION_FRIEND,
    ): Edge => ({
      relation,
      fromUserId,
      toUserId,
    });
    const send = (...messages: Partial<ImportEdgesRequest>[]) =>
      new Promise<ImportEdgesResponse>((resolve, reject) => {
        const stream = graph.pool.clients[0]!.client.importEdges((error, response) =>
          error ? reject(error) : resolve(response),
        );
        for (const message of messages) {
          stream.write({ total: 0n, firstLine: 0n, edges: [], ...message });
        }
        stream.end();
      });

    test('stores what came, counts it, and forgets what was read before', async () => {
      expect(await graph.contacts(alice)).toEqual([]);
      const response = await send(
        { total: 3n, edges: [edge(alice, bob), edge(bob, alice)] },
        { edges: [edge(`fan-${alice}`, alice, Relation.RELATION_FOLLOWED)] },
      );
      expect(response).toMatchObject({ edges: 3n, users: 3n });
      expect((await graph.contacts(alice)).map(({ userId }) => userId)).toEqual([bob]);
      const [group] = (await graph.audience(alice)).groups;
      expect([...(group?.userIds ?? [])].sort()).toEqual([bob, `fan-${alice}`].sort());
    });

    const wrong: readonly (readonly [string, Partial<ImportEdgesRequest>[], string])[] = [
      ['no total', [{ edges: [edge('a', 'b')] }], 'total: is missing'],
      ['nothing at all', [], 'total: '],
      ['too few', [{ total: 3n, edges: [edge('a', 'b')] }], '3 edges were promised and 1 came'],
      [
        'too many',
        [{ total: 1n, edges: [edge('a', 'b'), edge('a', 'c')] }],
        '1 edges were promised and 2 or more came',
      ],
      [
        'a bad id on a line',
        [
          { total: 3n, firstLine: 41n, edges: [edge('a', 'b')] },
          { firstLine: 42n, edges: [edge('a', 'c'), edge('a', 'c c')] },
        ],
        'line 43: "c c" is no user id',
      ],
      ['no relation', [{ total: 1n, edges: [edge('a', 'b', 0)] }], 'line 1: relation: give'],
      ['a self-edge', [{ total: 1n, edges: [edge('a', 'a')] }], 'line 1: a cannot be their own'],
      [
        'a large message',
        [{ total: 10_001n, edges: Array<Edge>(10_001).fill(edge('a', 'b')) }],
        'edges: has 10001 edges',
      ],
    ];
    test.each(wrong)('%s: names what is wrong and stores nothing', async (_, messages, says) => {
      const marked = messages.map((message) => ({
        ...message,
        edges: message.edges?.map((one) =>
          one.fromUserId === 'a' && one.toUserId === 'b' ? edge(alice, bob, one.relation) : one,
        ),
      }));
      await expect(send(...(marked as Partial<ImportEdgesRequest>[]))).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
        message: expect.stringContaining(says),
      });
      expect((await store.user(alice, Number.MAX_SAFE_INTEGER)).friends).toEqual([]);
    });
  });
});
