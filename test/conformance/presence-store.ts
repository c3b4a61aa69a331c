/** What every adapter of the PresenceStore port does, as a function of a factory. Real time, real servers. */
import { describe, expect, test } from '@jest/globals';
import type { Beat } from '../../store/presence-store.ts';
import { eventually } from '../support/eventually.ts';
import {
  beat,
  beatOne,
  choose,
  close,
  newUser,
  open,
  outboxOf,
  settledOf,
  sweep,
} from '../support/presence-store.ts';
import { announcementConformance } from './presence-store-announcements.ts';
import { endingSessionsConformance } from './presence-store-endings.ts';
import { lastActiveConformance } from './presence-store-last-active.ts';
import { sessionLimitConformance } from './presence-store-limits.ts';
import { HOLD_MS, TRACE, useStore, type OpenStore } from './store-under-test.ts';

export function presenceStoreConformance(openStore: OpenStore): void {
  announcementConformance(openStore);
  endingSessionsConformance(openStore);
  lastActiveConformance(openStore);
  sessionLimitConformance(openStore);

  describe('sessions that live', () => {
    const store = useStore(openStore, { leaseTtlMs: 60_000, shardCount: 4, holdMs: HOLD_MS });

    test('a user never seen is OFFLINE, at the floor', async () => {
      const userId = newUser();
      const { floor, settled } = await store().lookup(store().shardOf(userId), [userId]);
      expect(settled).toEqual([{ userId, status: 'OFFLINE', version: floor, lastActiveMs: 0 }]);
      expect(await store().routes([userId])).toEqual([[]]);
      expect((await store().inspect(userId)).sessions).toEqual([]);
    });

    test('opening makes ONLINE, routes, and one entry in the outbox', async () => {
      const userId = newUser();
      const before = await settledOf(store(), userId);
      const reply = await store().change(open(userId, { trace: TRACE }));
      expect(reply).toMatchObject({ sessionAlive: true, graphRevision: '0', chosen: undefined });
      expect(reply.settled).toMatchObject({ userId, status: 'ONLINE' });
      expect(reply.settled.version).toBeGreaterThan(before.version);
      expect(await settledOf(store(), userId)).toEqual(reply.settled);
      expect(await store().routes([userId, newUser(), userId])).toEqual([['gw-1'], [], ['gw-1']]);
      const [entry, ...rest] = await outboxOf(store(), userId);
      expect(rest).toEqual([]);
      expect(entry).toMatchObject({ settled: reply.settled, cause: 'OPENED', trace: TRACE });
      expect(entry).toMatchObject({ only: [], graphRevision: '0' });
      expect(entry!.causedAtMs).toBe(entry!.settledAtMs);
    });

    test('an entry tells when its cause came', async () => {
      const userId = newUser();
      await store().change({ ...open(userId), causeAgeMs: 25.4 });
      const graphRevision = '0';
      const announce = {
        kind: 'announce',
        userId,
        only: ['v1'],
        graphRevision,
        trace: '',
      } as const;
      await store().change({ ...announce, causeAgeMs: 7 });
      const entries = await outboxOf(store(), userId);
      const agesMs = entries.map(({ settledAtMs, causedAtMs }) => settledAtMs - causedAtMs);
      expect(agesMs).toEqual([25, 7]);
    });

    test('opening again changes nothing that others see', async () => {
      const userId = newUser();
      const first = await store().change(open(userId));
      const again = await store().change(open(userId, { gatewayId: 'gw-2' }));
      expect(again.settled.version).toBe(first.settled.version);
      expect(await store().routes([userId])).toEqual([['gw-2']]);
      expect(await outboxOf(store(), userId)).toHaveLength(1);
    });

    test('inspect tells all', async () => {
      const userId = newUser();
      await store().change(open(userId, { trace: TRACE, ageMs: 20_000, device: 'a|b' }));
      await store().change(open(userId, { sessionId: 'second', activity: 'AWAY', epoch: 3 }));
      await store().change(choose(userId, 'BUSY'));
      const seen = await store().inspect(userId);
      expect(seen).toMatchObject({ shard: store().shardOf(userId), chosen: 'BUSY' });
      expect(seen.settled).toEqual(await settledOf(store(), userId));
      expect(seen.sessions).toMatchObject([
        { sessionId: `${userId}/1`, gatewayId: 'gw-1', device: 'a|b', epoch: 0, trace: TRACE },
        { sessionId: 'second', activity: 'AWAY', epoch: 3, closing: false },
      ]);
      const [first, second] = seen.sessions;
      expect(second!.remainingMs).toBeGreaterThan(first!.remainingMs);
      expect(seen.nowMs - first!.lastBeatMs + first!.remainingMs).toBe(60_000);
      expect(seen.log.map(({ cause, status }) => [cause, status])).toEqual([
        ['CHOSEN', 'BUSY'],
        ['OPENED', 'ONLINE'],
      ]);
    });

    test('the log keeps the last 8 transitions, the newest first', async () => {
      const userId = newUser();
      await store().change(open(userId));
      for (let n = 0; n < 10; n++) await store().change(choose(userId, n % 2 ? 'BUSY' : 'AWAY'));
      const { log, settled } = await store().inspect(userId);
      expect(log).toHaveLength(8);
      expect(log[0]).toMatchObject({ version: settled.version, status: 'BUSY' });
      const versions = log.map(({ version }) => version);
      expect(versions).toEqual([...new Set(versions)].sort((a, b) => b - a));
    });

    test('a beat has its own outcome, in order', async () => {
      const userId = newUser();
      await store().change(open(userId, { epoch: 1 }));
      await store().change(open(userId, { sessionId: 'closing' }));
      await store().change(close(userId, 'closing', 30_000));
      const { outcomes } = await store().beat(store().shardOf(userId), [
        beat(userId, { epoch: 1 }),
        beat(userId, { sessionId: 'closing' }),
        beat(userId, { sessionId: 'none' }),
        beat(userId, { epoch: 2 }),
        beat(userId, { epoch: 0 }),
      ]);
      expect(outcomes).toEqual(['OK', 'CLOSED', 'UNKNOWN', 'EPOCH', 'OK']);
    });

    test('a beat moves deadline and last-active by its age, never back', async () => {
      const userId = newUser();
      await store().change(open(userId, { ageMs: 30_000 }));
      const remaining = async () => (await store().inspect(userId)).sessions[0]!.remainingMs;
      expect(await remaining()).toBeLessThanOrEqual(30_000);
      await beatOne(store(), beat(userId, { ageMs: 10_000 }));
      const { lastActiveMs } = await settledOf(store(), userId);
      expect(await remaining()).toBeGreaterThan(40_000);
      expect(await beatOne(store(), beat(userId, { ageMs: 25_000 }))).toBe('OK');
      expect((await settledOf(store(), userId)).lastActiveMs).toBe(lastActiveMs);
      expect(await remaining()).toBeGreaterThan(40_000);
    });

    test('a beat spares the user of one session a look; with several, the earliest counts', async () => {
      const [one, several] = [newUser(), newUser()];
      const isDue = async (userId: string) =>
        (await sweep(store(), store().shardOf(userId))).due.includes(userId);
      for (const userId of [one, several]) await store().change(open(userId, { ageMs: 56_000 }));
      await store().change(open(several, { sessionId: 'other' }));
      for (const userId of [one, several]) expect(await beatOne(store(), beat(userId))).toBe('OK');
      await eventually(() => isDue(several));
      expect(await isDue(one)).toBe(false);
    });

    test('ages that make no sense extend nothing beyond a lease', async () => {
      const userId = newUser();
      await store().change(open(userId, { ageMs: -5_000 }));
      await beatOne(store(), beat(userId, { ageMs: -1e9 }));
      await beatOne(store(), beat(userId, { ageMs: Number.NaN }));
      const { sessions } = await store().inspect(userId);
      expect(sessions[0]!.remainingMs).toBeLessThanOrEqual(60_000);
    });

    test('the status of several devices is the best, that of a dead one is gone', async () => {
      const userId = newUser();
      await store().change(open(userId, { activity: 'AWAY' }));
      expect((await settledOf(store(), userId)).status).toBe('AWAY');
      await store().change(open(userId, { sessionId: 'second', gatewayId: 'gw-2' }));
      expect((await settledOf(store(), userId)).status).toBe('ONLINE');
      expect(await store().routes([userId])).toEqual([['gw-1', 'gw-2']]);
      await store().change(close(userId, 'second', 0));
      expect((await settledOf(store(), userId)).status).toBe('AWAY');
      expect(await store().routes([userId])).toEqual([['gw-1']]);
      const causes = (await outboxOf(store(), userId)).map(({ cause }) => cause);
      expect(causes).toEqual(['OPENED', 'OPENED', 'LOGOUT']);
    });

    test('activity is taken from a living session, in the order of its epochs', async () => {
      const userId = newUser();
      await store().change(open(userId));
      const act = (sessionId: string, epoch: number, activity: 'ONLINE' | 'AWAY') =>
        store().change({ kind: 'activity', userId, sessionId, activity, epoch, trace: TRACE });
      const idle = await act(`${userId}/1`, 2, 'AWAY');
      expect(idle).toMatchObject({ sessionAlive: true, settled: { status: 'AWAY' } });
      expect((await act(`${userId}/1`, 1, 'ONLINE')).settled.status).toBe('AWAY');
      expect((await act('none', 3, 'ONLINE')).sessionAlive).toBe(false);
      expect(await beatOne(store(), beat(userId, { epoch: 1 }))).toBe('OK');
      expect(await beatOne(store(), beat(userId, { epoch: 3 }))).toBe('EPOCH');
      const [, entry] = await outboxOf(store(), userId);
      expect(entry).toMatchObject({ cause: 'ACTIVITY', trace: TRACE });
    });

    test('a choice wins over activity until it is taken back', async () => {
      const userId = newUser();
      await store().change(open(userId));
      expect((await store().change(choose(userId, 'BUSY'))).settled.status).toBe('BUSY');
      expect((await store().change(choose(userId, undefined))).settled.status).toBe('ONLINE');
    });

    test('a choice that comes with a session counts when it is newer', async () => {
      const userId = newUser();
      await store().change(choose(userId, 'BUSY'));
      const old = open(userId, { choice: { chosen: 'AWAY', ageMs: 60_000 } });
      expect((await store().change(old)).chosen).toBe('BUSY');
      await eventually(async () => {
        const newer = open(userId, { choice: { chosen: undefined, ageMs: 0 } });
        expect((await store().change(newer)).chosen).toBeUndefined();
      });
    });

    test('invisible is OFFLINE with last-active frozen, and is still routed to', async () => {
      const userId = newUser();
      await store().change(open(userId, { ageMs: 5_000 }));
      const { settled } = await store().change(choose(userId, 'INVISIBLE'));
      expect(settled.status).toBe('OFFLINE');
      expect(await beatOne(store(), beat(userId))).toBe('OK');
      await store().change(open(userId, { sessionId: 'second' }));
      expect(await settledOf(store(), userId)).toEqual(settled);
      expect(await store().routes([userId])).toEqual([['gw-1']]);
      const { settled: back } = await store().change(choose(userId, undefined));
      expect(back.status).toBe('ONLINE');
      expect(back.lastActiveMs).toBeGreaterThanOrEqual(settled.lastActiveMs);
    });

    test('a closing session is alive, gets no messages and no beats; opening revives it', async () => {
      const userId = newUser();
      await store().change(open(userId));
      const closed = await store().change(close(userId, `${userId}/1`, 30_000));
      expect(closed).toMatchObject({ sessionAlive: true, settled: { status: 'ONLINE' } });
      expect(await store().routes([userId])).toEqual([[]]);
      expect((await store().inspect(userId)).sessions[0]!.remainingMs).toBeLessThanOrEqual(30_000);
      expect(await beatOne(store(), beat(userId))).toBe('CLOSED');
      await store().change(open(userId));
      expect(await beatOne(store(), beat(userId))).toBe('OK');
      expect(await store().routes([userId])).toEqual([['gw-1']]);
    });

    test('logout ends a session now; closing what is not there does nothing', async () => {
      const userId = newUser();
      await store().change(open(userId));
      const reply = await store().change(close(userId, `${userId}/1`, 0));
      expect(reply).toMatchObject({ sessionAlive: false, settled: { status: 'OFFLINE' } });
      expect(await store().routes([userId])).toEqual([[]]);
      expect(await beatOne(store(), beat(userId))).toBe('UNKNOWN');
      expect(await outboxOf(store(), userId)).toMatchObject([{}, { cause: 'LOGOUT' }]);
      const stranger = newUser();
      const nothing = await store().change(close(stranger, 'none', 0));
      expect(nothing).toMatchObject({ sessionAlive: false, settled: { status: 'OFFLINE' } });
      expect(await outboxOf(store(), stranger)).toEqual([]);
    });

    test('announcing bumps the version for some viewers and raises the graph revision', async () => {
      const userId = newUser();
      const { settled } = await store().change(open(userId));
      const announce = (graphRevision: string) =>
        store().change({
          ...{ kind: 'announce', userId, only: ['v1'], graphRevision, trace: '' },
          renew: 'PRESENT',
        });
      const first = await announce('18446744073709551615');
      expect(first.settled.status).toBe(settled.status);
      expect(first.settled.version).toBeGreaterThan(settled.version);
      const second = await announce('9');
      expect(second.graphRevision).toBe('18446744073709551615');
      expect(second.settled.version).toBeGreaterThan(first.settled.version);
      const [, entry] = await outboxOf(store(), userId);
      expect(entry).toMatchObject({ cause: 'ANNOUNCED', only: ['v1'], settled: first.settled });
      expect(entry!.graphRevision).toBe('18446744073709551615');
      expect((await store().inspect(userId)).log).toHaveLength(1);
    });

    test('exactly what is acknowledged leaves the outbox', async () => {
      const userId = newUser();
      await store().change(open(userId));
      await store().change(choose(userId, 'BUSY'));
      await store().change(choose(userId, 'AWAY'));
      const [, second] = await outboxOf(store(), userId);
      const shard = store().shardOf(userId);
      const { outboxLength } = await sweep(store(), shard);
      await store().ack(shard, [second!.entryId]);
      await store().ack(shard, [second!.entryId]);
      expect((await sweep(store(), shard)).outboxLength).toBe(outboxLength - 1);
      const left = (await outboxOf(store(), userId)).map(({ settled }) => settled.status);
      expect(left).toEqual(['ONLINE', 'AWAY']);
      const { outbox: one } = await sweep(store(), shard, 1);
      expect(one).toHaveLength(1);
      const request = { shard, owner: 'test', ownerTtlMs: 10_000, limit: 1_000 };
      const next = await store().sweep({ ...request, outboxAfter: one[0]!.entryId });
      expect(next).toMatchObject({ outboxLength: outboxLength - 1 });
      if (!next.owned) throw new Error('not owned');
      expect([...one, ...next.outbox]).toEqual((await sweep(store(), shard)).outbox);
      expect(await store().sweep({ ...request, outboxLimit: 0 })).toMatchObject({ outbox: [] });
    });

    test('looking at those who are fine changes nothing', async () => {
      const userId = newUser();
      const { settled } = await store().change(open(userId));
      await store().look(store().shardOf(userId), [userId, newUser(), userId]);
      expect(await settledOf(store(), userId)).toEqual(settled);
      expect(await store().routes([userId])).toEqual([['gw-1']]);
    });

    test('a shard has one owner at a time', async () => {
      const ask = (owner: string, ownerTtlMs: number) =>
        store().sweep({ shard: 3, owner, ownerTtlMs, limit: 10 });
      await ask('test', 0);
      expect((await ask('one', 10_000)).owned).toBe(true);
      expect(await ask('two', 10_000)).toEqual({ owned: false, nowMs: expect.any(Number) });
      expect((await ask('two', 0)).owned).toBe(false);
      expect((await ask('one', 10_000)).owned).toBe(true);
      expect((await ask('one', 0)).owned).toBe(false);
      expect((await ask('two', 50)).owned).toBe(true);
      await eventually(async () => (await ask('one', 10_000)).owned);
      await ask('one', 0);
    });

    test('a shard tells who has it, who is there and what waits', async () => {
      const userId = newUser();
      const shard = store().shardOf(userId);
      await sweep(store(), shard);
      const before = await store().inspectShard(shard);
      expect(before).toMatchObject({ floor: (await store().lookup(shard, [])).floor, holdMs: 0 });
      expect(before.owner).toMatchObject({ id: 'test' });
      expect(before.owner!.remainingMs).toBeGreaterThan(5_000);
      await store().change(open(userId));
      await store().change(choose(userId, 'BUSY'));
      const { users, outboxLength } = await store().inspectShard(shard);
      expect([users - before.users, outboxLength - before.outboxLength]).toEqual([1, 2]);
      await store().change(close(userId, `${userId}/1`, 0));
      expect((await store().inspectShard(shard)).users).toBe(before.users);
      await store().sweep({ shard, owner: 'test', ownerTtlMs: 0, limit: 1 });
      expect((await store().inspectShard(shard)).owner).toBeUndefined();
      await store().sweep({ shard, owner: 'test', ownerTtlMs: 1, limit: 1 });
      await eventually(async () => (await store().inspectShard(shard)).owner === undefined);
      await expect(store().inspectShard(4)).rejects.toThrow('shard 4 is not one of 0 to 3');
    });

    test('leases live until they end or are given back', async () => {
      expect(await store().keepLease('gateways', 'gw-b', 60_000)).toBe(60_000);
      await store().keepLease('gateways', 'gw-a', 60_000);
      await store().keepLease('gateways', 'gw-short', 1);
      await store().keepLease('workers', 'w-1', 60_000);
      const ids = async () => (await store().listLeases('gateways')).map(({ id }) => id);
      await eventually(async () => expect(await ids()).toEqual(['gw-a', 'gw-b']));
      const [first] = await store().listLeases('gateways');
      expect(first!.remainingMs).toBeGreaterThan(50_000);
      await store().keepLease('gateways', 'gw-a', 0);
      expect(await ids()).toEqual(['gw-b']);
    });

    test('the bell rings for the shard of a transition', async () => {
      const userId = newUser();
      const bells: number[] = [];
      const listening = await store().listen({ onBell: (shard) => void bells.push(shard) });
      await store().change(open(userId));
      await eventually(() => expect(bells).toEqual([store().shardOf(userId)]));
      await listening[Symbol.asyncDispose]();
      await store().change(choose(userId, 'BUSY'));
      await store().lookup(store().shardOf(userId), [userId]);
      expect(bells).toHaveLength(1);
    });

    test('mistakes are refused by name, and nothing is written', async () => {
      const userId = newUser();
      const many = new Array<Beat>(1_001).fill(beat(userId));
      await expect(store().beat(0, many)).rejects.toThrow('beats: 1001 given, at most 1000');
      await expect(store().lookup(4, [])).rejects.toThrow('shard 4 is not one of 0 to 3');
      const gatewayId = 'a|b';
      await expect(store().change(open(userId, { gatewayId }))).rejects.toThrow('gatewayId "a|b"');
      await expect(store().change(open(userId, { trace: 'x y' }))).rejects.toThrow('trace "x y"');
      await expect(store().change(open(userId, { epoch: 0.5 }))).rejects.toThrow('epoch 0.5');
      const announce = { kind: 'announce', userId, only: [], trace: '' } as const;
      const bad = store().change({ ...announce, graphRevision: '1.5' });
      await expect(bad).rejects.toThrow('graphRevision "1.5"');
      expect((await settledOf(store(), userId)).status).toBe('OFFLINE');
    });

    test('in-process and Redis alike, settings are fine', async () => {
      await expect(store().checkSettings()).resolves.toBeUndefined();
    });
  });
}
