import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  audienceAmong,
  audienceOf,
  contactsOf,
  isPull,
  pushLimits,
  type UserNode,
  type View,
} from '../../graph/audience.ts';

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const ids = fc.uniqueArray(id, { maxLength: 6 });
const hidden = fc.record({
  frozen: fc.option(fc.record({ version: fc.nat(), lastActiveMs: fc.nat() }), { nil: undefined }),
});
const node: fc.Arbitrary<UserNode> = fc.record({
  userId: fc.constant('me'),
  revision: fc.nat(),
  pull: fc.boolean(),
  friends: ids,
  follows: fc.uniqueArray(fc.record({ userId: id, pull: fc.boolean() }), {
    selector: ({ userId }) => userId,
  }),
  followers: ids,
  hidden: fc.array(fc.tuple(id, hidden)).map((pairs) => new Map(pairs)),
});

describe('audience', () => {
  test('is friends, and followers of whom is pushed; never the hidden, nobody twice', () => {
    fc.assert(
      fc.property(node, (user) => {
        const { groups } = audienceOf(user);
        const told = groups.flatMap(({ userIds }) => userIds);
        const seeing = [...user.friends, ...(user.pull ? [] : user.followers)];
        const expected = new Set(seeing.filter((one) => !user.hidden.has(one)));
        expect(new Set(told)).toEqual(expected);
        expect(told).toHaveLength(expected.size);
        expect(groups.every(({ mode, userIds }) => mode === 'PUSH' && userIds.length > 0)).toBe(
          true,
        );
      }),
    );
  });

  test('asked by name, each viewer is in exactly one place, and the subject in none', () => {
    const view: fc.Arbitrary<View> = fc.record({
      viewerId: id,
      subjectId: fc.constant('a'),
      friends: fc.boolean(),
      follows: fc.boolean(),
      pull: fc.boolean(),
      hidden: fc.option(hidden, { nil: undefined }),
    });
    const views = fc.uniqueArray(view, { selector: ({ viewerId }) => viewerId });
    fc.assert(
      fc.property(views, (asked) => {
        const audience = audienceAmong(asked);
        const found = [
          ...audience.groups.flatMap(({ userIds }) => userIds),
          ...audience.hidden.map(({ userId }) => userId),
          ...audience.removed,
        ];
        const viewers = asked.map(({ viewerId }) => viewerId).filter((one) => one !== 'a');
        expect(found.sort()).toEqual(viewers.sort());
      }),
    );
  });

  test('a friend is pushed, whoever follows whom', () => {
    const views = audienceAmong([
      {
        viewerId: 'b',
        subjectId: 'a',
        friends: true,
        follows: true,
        pull: true,
        hidden: undefined,
      },
    ]);
    expect(views.groups).toEqual([{ mode: 'PUSH', userIds: ['b'] }]);
  });
});

test('contacts are friends and followed, each once, friends first and pushed', () => {
  fc.assert(
    fc.property(node, (user) => {
      const contacts = contactsOf(user);
      const followed = user.follows
        .map(({ userId }) => userId)
        .filter((one) => !user.friends.includes(one));
      expect(contacts.map(({ userId }) => userId)).toEqual([...user.friends, ...followed]);
      for (const contact of contacts) {
        const pulls = user.follows.find(({ userId }) => userId === contact.userId)?.pull ?? false;
        const isPulled = contact.relation === 'FOLLOWED' && pulls;
        expect(contact.mode).toBe(isPulled ? 'PULL' : 'PUSH');
        expect(contact.hidden).toEqual(user.hidden.get(contact.userId));
      }
    }),
  );
});

describe('push or pull', () => {
  test('changes only outside of the band between the limits', () => {
    const cases = fc.tuple(fc.integer({ min: 1, max: 10_000 }), fc.boolean(), fc.nat(20_000));
    fc.assert(
      fc.property(cases, ([max, was, followers]) => {
        const limits = pushLimits(max);
        const now = isPull(was, followers, limits);
        if (followers > limits.maxFollowers) expect(now).toBe(true);
        else if (followers <= limits.resumeFollowers) expect(now).toBe(false);
        else expect(now).toBe(was);
      }),
    );
  });

  test('5,000 followers are pushed to, 5,001 ask until there are 4,500', () => {
    const limits = pushLimits(5000);
    expect(isPull(false, 5000, limits)).toBe(false);
    expect(isPull(false, 5001, limits)).toBe(true);
    expect(isPull(true, 4501, limits)).toBe(true);
    expect(isPull(true, 4500, limits)).toBe(false);
  });
});
