import { beforeEach, describe, expect, test } from '@jest/globals';
import type { UserNode } from '../../graph/audience.ts';
import { createUserCache, type UserReader } from '../../graph/user-cache.ts';
import { systemClock } from '../../lib/clock.ts';

describe('user cache', () => {
  let reads: string[];
  let revision: number;
  let nowMs: number;
  let edges: Partial<UserNode>;
  let hold: Promise<void> | undefined;
  let cache: UserReader;

  beforeEach(() => {
    reads = [];
    revision = 5;
    nowMs = 0;
    edges = {};
    hold = undefined;
    cache = createUserCache({
      store: {
        async user(userId) {
          reads.push(userId);
          const node = { userId, revision, ...none, ...edges };
          await hold;
          return node;
        },
      },
      clock: { ...systemClock, monotonic: () => nowMs },
      maxEdges: 10,
      maxAgeMs: 1000,
    });
  });
  const none = { pull: false, friends: [], follows: [], followers: [], hidden: new Map() };
  const friends = (count: number) => Array.from({ length: count }, (_, i) => `f${i}`);

  test('serves again what it read, up to the revision it was read at', async () => {
    await cache.asSubject('a', 0);
    await cache.asSubject('a', 5);
    await cache.asViewer('a', 5);
    expect(reads).toEqual(['a']);
    revision = 7;
    expect((await cache.asSubject('a', 6)).revision).toBe(7);
    expect(reads).toEqual(['a', 'a']);
  });

  test('reads contacts again for one who follows: the mode of the followed may be another', async () => {
    edges = { follows: [{ userId: 'b', pull: false }] };
    await cache.asSubject('a', 0);
    await cache.asSubject('a', 0);
    await cache.asViewer('a', 0);
    await cache.asViewer('a', 0);
    expect(reads).toHaveLength(3);
  });

  test('keeps nobody whose block is not frozen yet', async () => {
    edges = { hidden: new Map([['b', { frozen: undefined }]]) };
    await cache.asSubject('a', 0);
    edges = { hidden: new Map([['b', { frozen: { version: 1, lastActiveMs: 1 } }]]) };
    await cache.asSubject('a', 0);
    await cache.asSubject('a', 0);
    expect(reads).toHaveLength(2);
  });

  test('forgets one, or all', async () => {
    await cache.asSubject('a', 0);
    await cache.asSubject('b', 0);
    cache.forget('a');
    await cache.asSubject('a', 0);
    await cache.asSubject('b', 0);
    expect(reads).toEqual(['a', 'b', 'a']);
    cache.forgetAll();
    await cache.asSubject('b', 0);
    expect(reads).toEqual(['a', 'b', 'a', 'b']);
  });

  test('does not keep what was being read when it was told to forget', async () => {
    let release = (): void => undefined;
    hold = new Promise((resolve) => (release = resolve));
    const reading = cache.asSubject('a', 0);
    cache.forget('a');
    release();
    await reading;
    await cache.asSubject('a', 0);
    expect(reads).toEqual(['a', 'a']);
  });

  test('reads once for those who ask at once, unless that is too old for one of them', async () => {
    const [, , newest] = await Promise.all([
      cache.asSubject('a', 0),
      cache.asViewer('a', 5),
      cache.asSubject('a', 6),
    ]);
    expect(reads).toEqual(['a', 'a']);
    expect(newest.userId).toBe('a');
  });

  test('lets the least recently used go when there are too many edges', async () => {
    edges = { friends: friends(3) };
    await cache.asSubject('a', 0);
    await cache.asSubject('b', 0);
    await cache.asSubject('a', 0);
    await cache.asSubject('c', 0);
    await cache.asSubject('a', 0);
    expect(reads).toEqual(['a', 'b', 'c']);
    await cache.asSubject('b', 0);
    expect(reads).toEqual(['a', 'b', 'c', 'b']);
  });

  test('does not keep one user who is too large alone', async () => {
    edges = { friends: friends(50) };
    await cache.asSubject('a', 0);
    await cache.asSubject('a', 0);
    expect(reads).toHaveLength(2);
  });

  test('serves nothing older than the age allowed', async () => {
    await cache.asSubject('a', 0);
    nowMs = 1001;
    await cache.asSubject('a', 0);
    expect(reads).toHaveLength(2);
  });
});
