/** Of the conformance suite: what counts as a sign of life, from when, and that it moves nothing else. */
import { describe, expect, test } from '@jest/globals';
import type { Change } from '../../store/presence-store.ts';
import { eventually } from '../support/eventually.ts';
import { choose, close, newUser, open, settledOf } from '../support/presence-store.ts';
import { HOLD_MS, useStore, type OpenStore } from './store-under-test.ts';

const LEASE_MS = 60_000;
/** Of the session when it is opened: what comes after is told from it. */
const OPENED = { ageMs: 20_000 };

type Make = (userId: string) => Change;

const logout: Make = (userId) => close(userId, `${userId}/1`, 0);
const turnInvisible: Make = (userId) => choose(userId, 'INVISIBLE');
const announce =
  (more: Partial<Extract<Change, { kind: 'announce' }>>): Make =>
  (userId) => ({
    ...{ kind: 'announce', userId, only: ['v1'], graphRevision: '5', trace: '' },
    ...more,
  });
const idle =
  (causeAgeMs: number): Make =>
  (userId) => ({
    ...{ kind: 'activity', userId, sessionId: `${userId}/1`, activity: 'AWAY', epoch: 1 },
    ...{ causeAgeMs, trace: '' },
  });
const drop =
  (graceMs: number, ageMs?: number): Make =>
  (userId) => ({
    ...close(userId, `${userId}/1`, graceMs),
    ...(ageMs !== undefined && { ageMs }),
  });

export function lastActiveConformance(openStore: OpenStore): void {
  describe('last-active', () => {
    const store = useStore(openStore, { leaseTtlMs: LEASE_MS, shardCount: 4, holdMs: HOLD_MS });
    const nowMs = async (userId: string) => (await store().inspect(userId)).nowMs;
    const remainingMs = async (userId: string) =>
      (await store().inspect(userId)).sessions[0]!.remainingMs;

    test.each<[string, Make, number]>([
      ['a logout', logout, 0],
      ['turning invisible', turnInvisible, 0],
      ['another choice', (userId) => choose(userId, 'BUSY'), 0],
      ['an edge of theirs that shows them otherwise', announce({ renew: 'PRESENT' }), 0],
      ['a logout that was under way', (userId) => ({ ...logout(userId), causeAgeMs: 5_000 }), 0],
      ['a change of activity', idle(5_000), 5_000],
      ['the last heartbeat of what closed', drop(10_000, 5_000), 5_000],
    ])('is as of %s', async (_, change, agoMs) => {
      const userId = newUser();
      await store().change(open(userId, OPENED));
      const before = await nowMs(userId);
      const { settled } = await store().change(change(userId));
      const after = await nowMs(userId);
      expect(settled.lastActiveMs).toBeGreaterThanOrEqual(before - agoMs);
      expect(settled.lastActiveMs).toBeLessThanOrEqual(after - agoMs);
      expect(await settledOf(store(), userId)).toEqual(settled);
    });

    test.each<[string, Make]>([
      ['an edge that shows them in another mode', announce({ renew: 'ALWAYS' })],
      ['an edge that shows nothing otherwise', announce({})],
      ['an edge that somebody else changed', announce({ renew: 'VIEW' })],
      ['a close without any heartbeat', drop(10_000)],
      ['a close with an older heartbeat', drop(10_000, 40_000)],
      ['a change of activity that was overtaken', (userId) => ({ ...idle(0)(userId), epoch: 0 })],
      ['a logout of another session', (userId) => close(userId, 'none', 0)],
    ])('does not move by %s', async (_, change) => {
      const userId = newUser();
      const { settled } = await store().change(open(userId, OPENED));
      await store().change(change(userId));
      expect((await settledOf(store(), userId)).lastActiveMs).toBe(settled.lastActiveMs);
    });

    test('does not move, nor does anything, by what one does who is OFFLINE', async () => {
      const userId = newUser();
      await store().change(open(userId, OPENED));
      await store().change(open(userId, { sessionId: 'other' }));
      const { settled } = await store().change(turnInvisible(userId));
      const deeds = [idle(0), turnInvisible, announce({ renew: 'PRESENT' }), drop(10_000, 0)];
      for (const change of [...deeds, logout]) await store().change(change(userId));
      expect(await settledOf(store(), userId)).toEqual(settled);
      await store().change(close(userId, 'other', 0));
      expect(await settledOf(store(), userId)).toEqual(settled);
    });

    test('of one who comes back from being invisible is of then', async () => {
      const userId = newUser();
      await store().change(open(userId, OPENED));
      await store().change(turnInvisible(userId));
      const before = await nowMs(userId);
      const { settled } = await store().change(choose(userId, undefined));
      expect(settled.lastActiveMs).toBeGreaterThanOrEqual(before);
    });

    test('moves no deadline; the heartbeat of what closed counts as a beat, within the grace', async () => {
      const userId = newUser();
      await store().change(open(userId, OPENED));
      for (const change of [choose(userId, 'BUSY'), idle(0)(userId)]) await store().change(change);
      await store().change(announce({ renew: 'PRESENT' })(userId));
      expect(await remainingMs(userId)).toBeLessThanOrEqual(40_000);
      await store().change(drop(50_000, 15_000)(userId));
      expect(await remainingMs(userId)).toBeGreaterThan(40_000);
      expect(await remainingMs(userId)).toBeLessThanOrEqual(45_000);
      await store().change(drop(50_000, 0)(userId));
      expect(await remainingMs(userId)).toBeLessThanOrEqual(45_000);
      await store().change(drop(20_000, 0)(userId));
      expect(await remainingMs(userId)).toBeLessThanOrEqual(20_000);
    });

    test.each<[string, Make]>([
      ['closes', drop(10_000, 0)],
      ['logs out', logout],
    ])('stays what it was of a session that %s when it has lapsed', async (_, change) => {
      const userId = newUser();
      const { settled } = await store().change(open(userId, { ageMs: LEASE_MS - 300 }));
      await eventually(async () => (await store().inspect(userId)).sessions.length === 0);
      const { settled: gone } = await store().change(change(userId));
      expect(gone).toMatchObject({ status: 'OFFLINE', lastActiveMs: settled.lastActiveMs });
    });
  });
}
