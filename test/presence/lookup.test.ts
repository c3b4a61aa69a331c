import { expect, test } from '@jest/globals';
import { systemClock as clock } from '../../lib/clock.ts';
import { createLookUp } from '../../presence/lookup.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import { choose, open } from '../support/presence-store.ts';

const USERS = Array.from({ length: 60 }, (_, i) => `user-${i}`);

async function storeWithUsers() {
  const store = createMemoryPresenceStore({ shardCount: 4, leaseTtlMs: 60_000, clock });
  for (const userId of USERS) await store.change(open(userId));
  await store.change(choose('user-7', 'BUSY'));
  let calls = 0;
  const counted = {
    ...store,
    lookup: (shard: number, userIds: readonly string[]) => {
      calls++;
      return store.lookup(shard, userIds);
    },
  };
  return { lookUp: createLookUp(counted), calls: () => calls };
}

test('answers in the order asked, a user asked for twice, twice', async () => {
  const { lookUp } = await storeWithUsers();
  const { settled, holdMs } = await lookUp(['user-7', 'nobody', 'user-1', 'user-7']);
  expect(settled.map(({ userId, status }) => [userId, status])).toEqual([
    ['user-7', 'BUSY'],
    ['nobody', 'OFFLINE'],
    ['user-1', 'ONLINE'],
    ['user-7', 'BUSY'],
  ]);
  expect(holdMs).toBe(0);
});

test('look-ups at the same time share calls, and each gets its own', async () => {
  const { lookUp, calls } = await storeWithUsers();
  const lists = USERS.map((_, i) => [...USERS.slice(i), 'user-7']);
  const found = await Promise.all(lists.map(lookUp));
  expect(found.map(({ settled }) => settled.map(({ userId }) => userId))).toEqual(lists);
  for (const { settled } of found) expect(settled.at(-1)?.status).toBe('BUSY');
  // Four shards: a first call each, and all the others with the second, or a third when that is full.
  expect(calls()).toBeLessThanOrEqual(12);
});
