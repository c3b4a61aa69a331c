/** Of the conformance suite: what is told of somebody who is not there. */
import { describe, expect, test } from '@jest/globals';
import type { Change } from '../../store/presence-store.ts';
import {
  choose,
  close,
  newUser,
  open,
  outboxOf,
  settledOf,
  untilNoHold,
} from '../support/presence-store.ts';
import { HOLD_MS, useStore, type OpenStore } from './store-under-test.ts';

export function announcementConformance(openStore: OpenStore): void {
  describe('announcing one who is OFFLINE', () => {
    const store = useStore(openStore, { leaseTtlMs: 60_000, shardCount: 4, holdMs: HOLD_MS });

    type Announce = Extract<Change, { kind: 'announce' }>;
    const announce = (userId: string, more: Partial<Announce> = {}) =>
      store().change({
        ...{ kind: 'announce', userId, only: ['v1'], graphRevision: '5', trace: '' },
        ...{ renew: 'PRESENT' as const, ...more },
      });

    test.each([
      ['who never was there', () => Promise.resolve(undefined)],
      ['who left', (userId: string) => store().change(close(userId, `${userId}/1`, 0))],
      ['who is invisible', (userId: string) => store().change(choose(userId, 'INVISIBLE'))],
    ])('%s keeps the version; the viewers are told', async (who, leave) => {
      const userId = newUser();
      if (!who.includes('never')) await store().change(open(userId));
      await leave(userId);
      const before = await settledOf(store(), userId);
      const { settled, graphRevision } = await announce(userId);
      expect(settled).toEqual(before);
      expect(graphRevision).toBe('5');
      const entry = (await outboxOf(store(), userId)).at(-1);
      expect(entry).toMatchObject({ cause: 'ANNOUNCED', only: ['v1'], settled: before });
      expect(await settledOf(store(), userId)).toEqual(before);
    });

    test('it is quiet for whom has been shown it; there is no entry for nobody', async () => {
      const userId = newUser();
      const { settled: online } = await store().change(open(userId));
      const { settled } = await store().change(choose(userId, 'INVISIBLE'));
      await announce(userId, { shownVersion: settled.version });
      await announce(userId, { only: [], graphRevision: '6' });
      expect((await store().inspect(userId)).graphRevision).toBe('6');
      await announce(userId, { shownVersion: online.version });
      const entries = await outboxOf(store(), userId);
      expect(entries.map(({ quiet }) => quiet)).toEqual([undefined, undefined, 'ALL', 'PULLED']);
      expect(await settledOf(store(), userId)).toEqual(settled);
    });

    test('a new version can be had all the same, and needs not be had of one who is there', async () => {
      const userId = newUser();
      await store().change(open(userId));
      const { settled } = await store().change(choose(userId, 'INVISIBLE'));
      const renewed = await announce(userId, { renew: 'ALWAYS', shownVersion: settled.version });
      expect(renewed.settled.version).toBeGreaterThan(settled.version);
      const { settled: seen } = await store().change(choose(userId, 'BUSY'));
      const kept = await store().change({
        ...{ kind: 'announce', userId, only: ['v2'], graphRevision: '8', trace: '' },
      });
      expect(kept.settled).toEqual(seen);
      const entries = await outboxOf(store(), userId);
      expect(entries.map(({ quiet }) => quiet)).toEqual(Array(5).fill(undefined));
    });

    test('those who changed the edge read their view anew, unless nothing has changed in it', async () => {
      const userId = newUser();
      const { settled: online } = await store().change(open(userId));
      const { settled } = await announce(userId, { renew: 'VIEW' });
      expect(settled).toEqual(online);
      const { settled: offline } = await leave(userId);
      await announce(userId, { renew: 'VIEW', shownVersion: online.version });
      await announce(userId, { renew: 'VIEW', shownVersion: offline.version });
      const told = (await outboxOf(store(), userId)).filter(({ cause }) => cause === 'ANNOUNCED');
      expect(told.map(({ quiet }) => quiet)).toEqual(['VIEW', 'VIEW', 'ALL']);
      expect(await settledOf(store(), userId)).toEqual(offline);
    });

    const fence = async (userId: string): Promise<number> => {
      const { floor } = await store().fence(store().shardOf(userId), { truncate: false });
      await untilNoHold(store());
      return floor;
    };
    const leave = (userId: string) => store().change(close(userId, `${userId}/1`, 0));

    test('a floor that has risen since is no change: the same has been shown at it', async () => {
      const userId = newUser();
      await store().change(open(userId));
      const { settled: shown } = await leave(userId);
      const floor = await fence(userId);
      const { settled } = await announce(userId, { shownVersion: shown.version });
      expect(settled).toEqual({ ...shown, version: floor });
      const entry = (await outboxOf(store(), userId)).at(-1);
      expect(entry).toMatchObject({ quiet: 'ALL', settled, horizon: { floor } });
    });

    test('who has changed since, below a floor, is told with a new version', async () => {
      const userId = newUser();
      await store().change(open(userId));
      const { settled: shown } = await leave(userId);
      await store().change(open(userId));
      await leave(userId);
      const floor = await fence(userId);
      const { settled } = await announce(userId, { shownVersion: shown.version });
      expect(settled.version).toBeGreaterThan(floor);
      const again = await announce(userId, { shownVersion: shown.version });
      expect(again.settled).toEqual(settled);
      const entries = (await outboxOf(store(), userId)).slice(-2);
      expect(entries).toMatchObject([
        { quiet: 'PULLED', settled },
        { quiet: 'PULLED', settled },
      ]);
    });

    const horizonOf = async (userId: string) => {
      const { horizons } = await store().lookup(store().shardOf(userId), [userId]);
      return horizons[0]!;
    };

    test('another mode is shown to those from whom the user is hidden, whatever that one did since', async () => {
      const userId = newUser();
      const { floor: shardFloor } = await store().change(open(userId));
      expect(await horizonOf(userId)).toMatchObject({ floor: shardFloor });
      const { settled: hidden } = await announce(userId);
      expect(await horizonOf(userId)).toMatchObject({ floor: shardFloor });
      const { settled: flipped } = await announce(userId, { renew: 'ALWAYS' });
      const { floor } = await horizonOf(userId);
      expect(floor).toBeGreaterThan(hidden.version);
      expect(floor).toBeLessThanOrEqual(flipped.version);
      const entry = (await outboxOf(store(), userId)).at(-1);
      expect(entry).toMatchObject({ horizon: { floor } });
      await leave(userId);
      await announce(userId);
      expect(await horizonOf(userId)).toMatchObject({ floor });
    });

    test('right after a fence, when versions count on, it does not tell how often they changed', async () => {
      const userId = newUser();
      await store().change(open(userId));
      await fence(userId);
      await store().change(choose(userId, 'BUSY'));
      const { settled: hidden } = await announce(userId);
      for (const chosen of ['AWAY', 'BUSY', 'AWAY'] as const) {
        await store().change(choose(userId, chosen));
      }
      const { settled } = await announce(userId, { renew: 'ALWAYS' });
      expect(settled.version).toBe(hidden.version + 4);
      expect((await horizonOf(userId)).floor).toBe(hidden.version + 1);
    });

    test('who has not changed since is told nothing, though a mode did', async () => {
      const userId = newUser();
      await store().change(open(userId));
      const { settled: shown } = await leave(userId);
      await announce(userId, { shownVersion: shown.version });
      const { settled: flipped } = await announce(userId, { renew: 'ALWAYS' });
      const { settled } = await announce(userId, { shownVersion: shown.version });
      expect(settled).toEqual(flipped);
      expect((await outboxOf(store(), userId)).at(-1)).toMatchObject({ quiet: 'ALL' });
      expect(await horizonOf(userId)).toMatchObject({ floor: flipped.version });
    });

    test('who has changed before a mode did is told with a new version', async () => {
      const userId = newUser();
      await store().change(open(userId));
      const { settled: shown } = await leave(userId);
      await announce(userId, { shownVersion: shown.version });
      await store().change(open(userId));
      await leave(userId);
      await announce(userId, { renew: 'ALWAYS' });
      const { settled } = await announce(userId, { shownVersion: shown.version });
      expect(settled.version).toBeGreaterThan((await horizonOf(userId)).floor);
      expect((await outboxOf(store(), userId)).at(-1)).toMatchObject({ quiet: 'PULLED', settled });
    });

    test('whether anything of the user waits in the outbox is known', async () => {
      const [userId, other] = [newUser(), newUser()];
      const isWaiting = async (): Promise<boolean> => (await store().inspect(userId)).isWaiting;
      expect(await isWaiting()).toBe(false);
      await store().change(open(userId));
      await store().change(open(other));
      expect(await isWaiting()).toBe(true);
      const [entry] = await outboxOf(store(), userId);
      await store().ack(store().shardOf(userId), [entry!.entryId]);
      expect(await isWaiting()).toBe(false);
    });
  });
}
