/** Of the conformance suite: deadlines, and sessions that reach them. */
import { describe, expect, test } from '@jest/globals';
import { systemClock as clock } from '../../lib/clock.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { eventually } from '../support/eventually.ts';
import {
  beat,
  beatOne,
  choose,
  close,
  lookAtDue,
  newUser,
  open,
  outboxOf,
  settledOf,
  sweep,
  untilNoHold,
} from '../support/presence-store.ts';
import { HOLD_MS, TRACE, useStore, type OpenStore } from './store-under-test.ts';

const SHORT_LEASE_MS = 600;
/** So long that nothing a test does in it takes longer. */
const LONG_HOLD_MS = 2_000;

function newUserOf(store: PresenceStore, shard: number): string {
  for (;;) {
    const userId = newUser();
    if (store.shardOf(userId) === shard) return userId;
  }
}

export function endingSessionsConformance(openStore: OpenStore): void {
  describe('when the next user is due', () => {
    const store = useStore(openStore, { leaseTtlMs: 60_000, shardCount: 1, holdMs: HOLD_MS });

    test('a sweep tells, and whatever makes it earlier rings the bell', async () => {
      const [first, second] = [newUser(), newUser()];
      let bells = 0;
      const listening = await store().listen({ onBell: () => bells++ });
      expect((await sweep(store(), 0)).nextDueMs).toBeUndefined();
      const { settled } = await store().change(open(first));
      await store().change(open(second));
      await eventually(() => expect(bells).toBe(2));
      const { nextDueMs } = await sweep(store(), 0);
      expect(nextDueMs).toBe(settled.lastActiveMs + 60_000);

      await store().change(close(second, `${second}/1`, 10_000));
      await eventually(() => expect(bells).toBe(3));
      expect((await sweep(store(), 0)).nextDueMs).toBeLessThan(nextDueMs! - 40_000);
      await listening[Symbol.asyncDispose]();
    });
  });

  describe('sessions that end', () => {
    const store = useStore(openStore, {
      leaseTtlMs: SHORT_LEASE_MS,
      shardCount: 2,
      holdMs: HOLD_MS,
    });

    test('a silent session is due after its deadline; looking settles it', async () => {
      const userId = newUser();
      const expired: string[] = [];
      const listening = await store().listen({ onExpired: (id) => void expired.push(id) });
      const { settled } = await store().change(open(userId, { trace: TRACE }));
      await eventually(async () => (await lookAtDue(store(), userId)).includes(userId));
      const gone = await settledOf(store(), userId);
      expect(gone).toMatchObject({ status: 'OFFLINE', lastActiveMs: settled.lastActiveMs });
      const [, entry] = await outboxOf(store(), userId);
      expect(entry).toMatchObject({ cause: 'EXPIRED', trace: TRACE, settled: gone });
      expect(entry!.causedAtMs).toBe(settled.lastActiveMs + SHORT_LEASE_MS);
      expect(entry!.settledAtMs).toBeGreaterThan(entry!.causedAtMs);
      expect(await store().routes([userId])).toEqual([[]]);
      expect((await sweep(store(), store().shardOf(userId))).due).not.toContain(userId);
      await eventually(() => expect(expired).toContain(userId));
      await listening[Symbol.asyncDispose]();
    });

    test('a lapsed session is not revived by a beat, but by opening', async () => {
      const userId = newUser();
      await store().change(open(userId));
      await eventually(async () => (await beatOne(store(), beat(userId))) === 'LAPSED', {
        intervalMs: SHORT_LEASE_MS + 50,
      });
      await lookAtDue(store(), userId);
      expect(await beatOne(store(), beat(userId))).toBe('UNKNOWN');
      expect((await store().change(open(userId))).settled.status).toBe('ONLINE');
    });

    test('a session older than its lease is dead on arrival', async () => {
      const userId = newUser();
      const reply = await store().change(open(userId, { ageMs: 1_000 }));
      expect(reply).toMatchObject({ sessionAlive: false, settled: { status: 'OFFLINE' } });
      expect(await store().routes([userId])).toEqual([[]]);
    });

    test('beats keep a session through many leases', async () => {
      // Where the machine was too slow to beat in time nothing can be concluded, and it is done again.
      await eventually(() => beatsKeep(store(), newUser()), { timeoutMs: 60_000 });
    });

    test('a fence with truncation empties the outbox', async () => {
      const userId = newUser();
      const shard = store().shardOf(userId);
      await store().change(open(userId));
      await store().fence(shard, { truncate: true });
      expect((await sweep(store(), shard)).outboxLength).toBe(0);
      await untilNoHold(store());
    });

    test('a clock that is ahead is told of, and nobody is due; one that was put back is a fence', async () => {
      const sweepAt = (expectedNowMs: number) =>
        store().sweep({ shard: 1, owner: 'test', ownerTtlMs: 10_000, limit: 10, expectedNowMs });
      const userId = newUserOf(store(), 1);
      await store().change(open(userId));
      const { nowMs, floor } = await eventually(async () => {
        const reply = await sweep(store(), 1);
        expect(reply.due).toContain(userId);
        return reply;
      });
      await eventually(async () => {
        const now = (await sweep(store(), 1)).nowMs;
        expect(await sweepAt(now)).toMatchObject({ floor, isAhead: false });
      });
      const ahead = await sweepAt(nowMs - 3_600_000);
      expect(ahead).toMatchObject({ owned: true, floor, holdMs: 0, isAhead: true, due: [] });
      const stepped = await sweepAt(nowMs + 3_600_000);
      expect(stepped).toMatchObject({ owned: true, due: [] });
      expect((await store().lookup(1, [])).floor).toBeGreaterThan(floor);
      await untilNoHold(store());
    });
  });

  describe('sessions that end one after the other', () => {
    const store = useStore(openStore, { leaseTtlMs: 60_000, shardCount: 1, holdMs: HOLD_MS });

    test('the dying one is the cause only when it matters', async () => {
      const userId = newUser();
      const dies = { ageMs: 59_500 };
      await store().change(open(userId, { sessionId: 'idle', activity: 'AWAY' }));
      await store().change(open(userId));
      await store().change(open(userId, { sessionId: 'spare', ...dies }));
      await eventually(async () => {
        await lookAtDue(store(), userId);
        return (await store().inspect(userId)).sessions.length === 2;
      });
      await store().change(open(userId, dies));
      await eventually(async () => {
        await lookAtDue(store(), userId);
        return (await settledOf(store(), userId)).status === 'AWAY';
      });
      await store().change(close(userId, 'idle', 20));
      await eventually(async () => {
        await lookAtDue(store(), userId);
        return (await settledOf(store(), userId)).status === 'OFFLINE';
      });
      const causes = (await outboxOf(store(), userId)).map(({ cause }) => cause);
      expect(causes).toEqual(['OPENED', 'OPENED', 'EXPIRED', 'CLOSED']);
    });
  });

  describe('a long hold', () => {
    const store = useStore(openStore, {
      leaseTtlMs: SHORT_LEASE_MS,
      shardCount: 1,
      holdMs: LONG_HOLD_MS,
    });

    test('a fence raises the floor; in its hold nobody lapses and nothing is announced', async () => {
      const userId = newUser();
      const shard = store().shardOf(userId);
      const { settled } = await store().change(open(userId));
      const before = await outboxOf(store(), userId);
      const { floor, holdMs } = await store().fence(shard, { truncate: false });
      expect(holdMs).toBeGreaterThan(0);
      expect(floor).toBeGreaterThan(settled.version);
      const held = await store().change(choose(userId, 'BUSY'));
      expect(held.settled.version).toBeGreaterThan(floor);
      expect(await outboxOf(store(), userId)).toEqual(before);
      await eventually(async () => (await store().lookup(shard, [])).holdMs === 0);
      await eventually(async () => {
        await lookAtDue(store(), userId);
        return (await settledOf(store(), userId)).status === 'OFFLINE';
      });
      const after = (await outboxOf(store(), userId)).at(-1)!;
      expect(after.settled.version).toBeGreaterThan(held.settled.version);
    });
  });
}

/** Beats a session through more than two leases. False: one came too late to say anything. */
async function beatsKeep(store: PresenceStore, userId: string): Promise<boolean> {
  let beatAtMs = clock.monotonic();
  // The store counts whole milliseconds.
  const isInTime = (): boolean => clock.monotonic() - beatAtMs < SHORT_LEASE_MS - 2;
  const { settled } = await store.change(open(userId));
  const { nowMs } = await store.inspect(userId);
  do {
    const askedAtMs = clock.monotonic();
    const outcome = await beatOne(store, beat(userId));
    if (outcome !== 'OK' && !isInTime()) return false;
    expect(outcome).toBe('OK');
    beatAtMs = askedAtMs;
    await lookAtDue(store, userId);
  } while ((await store.inspect(userId)).nowMs <= nowMs + 2 * SHORT_LEASE_MS);
  const now = await settledOf(store, userId);
  if (!isInTime()) return false;
  expect(now.version).toBe(settled.version);
  expect(now.lastActiveMs).toBeGreaterThan(settled.lastActiveMs + SHORT_LEASE_MS);
  return true;
}
