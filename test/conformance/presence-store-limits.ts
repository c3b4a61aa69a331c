/** Of the conformance suite: how many sessions a user may have. */
import { describe, expect, test } from '@jest/globals';
import type { PresenceStore } from '../../store/presence-store.ts';
import { MAX_SESSIONS } from '../../store/timing.ts';
import { TooManySessionsError } from '../../store/too-many-sessions.ts';
import { eventually } from '../support/eventually.ts';
import { beat, beatOne, close, newUser, open, outboxOf } from '../support/presence-store.ts';
import { HOLD_MS, useStore, type OpenStore } from './store-under-test.ts';

export function sessionLimitConformance(openStore: OpenStore): void {
  describe('many sessions of one user', () => {
    const store = useStore(openStore, { leaseTtlMs: 60_000, shardCount: 1, holdMs: HOLD_MS });

    test('one more than go is refused, and nothing is written', async () => {
      const userId = await withManySessions(store());
      const before = await sessionsOf(store(), userId);
      const entries = await outboxOf(store(), userId);
      const more = store().change(open(userId, { sessionId: 'more', gatewayId: 'gw-2' }));
      await expect(more).rejects.toThrow(TooManySessionsError);
      await expect(more).rejects.toThrow(`${userId} has ${MAX_SESSIONS} live sessions`);
      expect(await sessionsOf(store(), userId)).toEqual(before);
      expect(await store().routes([userId])).toEqual([['gw-1']]);
      expect(await outboxOf(store(), userId)).toEqual(entries);
    });

    test('opening one again is not one more, and a logout makes room', async () => {
      const userId = await withManySessions(store());
      await store().change(open(userId, { sessionId: 's1', gatewayId: 'gw-2' }));
      await store().change(close(userId, 's2', 0));
      const { sessionAlive } = await store().change(open(userId, { sessionId: 'more' }));
      expect(sessionAlive).toBe(true);
      expect(await sessionsOf(store(), userId)).toHaveLength(MAX_SESSIONS);
    });

    test('those that are closing make room, the one that ends first before the others', async () => {
      const userId = await withManySessions(store());
      await store().change(close(userId, 's3', 30_000));
      await store().change(close(userId, 's5', 20_000));
      const { settled } = await store().change(open(userId, { sessionId: 'more' }));
      const ids = await sessionsOf(store(), userId);
      expect(ids).toHaveLength(MAX_SESSIONS);
      expect(ids).toEqual(expect.arrayContaining(['s3', 'more']));
      expect(ids).not.toContain('s5');
      expect(await beatOne(store(), beat(userId, { sessionId: 's5' }))).toBe('UNKNOWN');
      await store().change(open(userId, { sessionId: 'yet more' }));
      expect(await sessionsOf(store(), userId)).not.toContain('s3');
      await expect(store().change(open(userId, { sessionId: 'last' }))).rejects.toThrow(userId);
      expect((await store().inspect(userId)).settled.version).toBe(settled.version);
    });

    test('those that are dead are none, though nobody has looked yet', async () => {
      const userId = await withManySessions(store());
      await store().change(close(userId, 's3', 1));
      await store().change(open(userId, { sessionId: 's4', ageMs: 59_990 }));
      await eventually(() => store().change(open(userId, { sessionId: 'more' })));
      await eventually(() => store().change(open(userId, { sessionId: 'yet more' })));
      expect(await sessionsOf(store(), userId)).toHaveLength(MAX_SESSIONS);
    });
  });
}

/** A user who has as many sessions as go: s0, s1, … */
async function withManySessions(store: PresenceStore): Promise<string> {
  const userId = newUser();
  for (let n = 0; n < MAX_SESSIONS; n++) await store.change(open(userId, { sessionId: `s${n}` }));
  return userId;
}

async function sessionsOf(store: PresenceStore, userId: string): Promise<string[]> {
  return (await store.inspect(userId)).sessions.map(({ sessionId }) => sessionId).sort();
}
