/** What every adapter of the NotificationStore port does, with the presence store it belongs to. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Ask, NotificationRequest } from '../../store/notification-store.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { eventually } from '../support/eventually.ts';
import { choose, close, newUser, open, outboxOf, untilNoHold } from '../support/presence-store.ts';
import type { OpenStore } from './store-under-test.ts';

const LIMITS = { aViewer: 3, aSubject: 4, pushes: 2, windowMs: 600_000 };

const subscriptionAt = (endpoint: string) => ({ endpoint, p256dh: 'key', auth: 'secret' });

const ask = (viewerUserId: string, subjectUserId: string, more: Partial<Ask> = {}): Ask => ({
  ...{ viewerUserId, subjectUserId, whileHere: false },
  subscription: subscriptionAt(`https://push.example/${viewerUserId}|?a=b`),
  ...more,
});

export function notificationStoreConformance(openStore: OpenStore): void {
  let store: PresenceStore;
  const settings = { leaseTtlMs: 60_000, shardCount: 4, holdMs: 100 };
  beforeAll(async () => {
    store = await openStore({ ...settings, notificationLimits: LIMITS });
    await untilNoHold(store);
  });
  afterAll(async () => {
    await store[Symbol.asyncDispose]();
  });

  const awaiting = async (subjectUserId: string): Promise<NotificationRequest[]> => {
    const found: NotificationRequest[] = [];
    let from: string | undefined;
    do {
      const page = await store.notifications.awaiting(subjectUserId, from);
      found.push(...page.requests);
      from = page.next;
    } while (from !== undefined);
    return found.sort((a, b) => (a.viewerUserId < b.viewerUserId ? -1 : 1));
  };
  const entryOf = async (userId: string) => (await outboxOf(store, userId)).at(-1)!;

  describe('a request', () => {
    test('is kept as it was, and listed with its viewer', async () => {
      const [viewer, subject] = [newUser(), newUser()];
      const asked = ask(viewer, subject);
      expect(await store.notifications.ask(asked)).toBe('KEPT');
      const [kept, ...rest] = await awaiting(subject);
      expect(rest).toEqual([]);
      const { whileHere, ...request } = asked;
      expect(whileHere).toBe(false);
      expect(kept).toMatchObject(request);
      expect(await store.notifications.listOf(viewer)).toEqual([kept]);
      expect(await store.notifications.listOf(subject)).toEqual([]);
    });

    test('is one for each endpoint; asking again replaces it', async () => {
      const [viewer, subject] = [newUser(), newUser()];
      const phone = subscriptionAt('https://push.example/phone');
      await store.notifications.ask(ask(viewer, subject));
      await store.notifications.ask(ask(viewer, subject, { subscription: phone }));
      const renewed = { ...phone, auth: 'another' };
      await store.notifications.ask(ask(viewer, subject, { subscription: renewed }));
      const secrets = (await awaiting(subject)).map(({ subscription }) => subscription.auth);
      expect(secrets.sort()).toEqual(['another', 'secret']);
      expect(await store.notifications.listOf(viewer)).toHaveLength(2);
    });

    test('is cancelled for one endpoint, or for all, by its viewer alone', async () => {
      const [viewer, other, subject] = [newUser(), newUser(), newUser()];
      const phone = subscriptionAt('https://push.example/phone');
      await store.notifications.ask(ask(viewer, subject));
      await store.notifications.ask(ask(viewer, subject, { subscription: phone }));
      await store.notifications.ask(ask(other, subject));
      const mine = { viewerUserId: viewer, subjectUserId: subject };
      const { endpoint } = phone;
      expect(await store.notifications.cancel({ ...mine, endpoint })).toBe(1);
      expect(await store.notifications.cancel({ ...mine, endpoint })).toBe(0);
      expect(await store.notifications.cancel(mine)).toBe(1);
      expect(await store.notifications.listOf(viewer)).toEqual([]);
      expect((await awaiting(subject)).map(({ viewerUserId }) => viewerUserId)).toEqual([other]);
    });

    test('is claimed once, however many try', async () => {
      const [viewer, subject] = [newUser(), newUser()];
      await store.notifications.ask(ask(viewer, subject));
      const requests = await awaiting(subject);
      const claims = await Promise.all(
        [1, 2, 3].map(() => store.notifications.claim(subject, requests)),
      );
      expect(claims.flat()).toEqual(requests);
      expect(await awaiting(subject)).toEqual([]);
      expect(await store.notifications.listOf(viewer)).toEqual([]);
    });

    test('is refused while the subject is online, unless it is to be kept all the same', async () => {
      const [viewer, subject] = [newUser(), newUser()];
      await store.change(open(subject));
      expect(await store.notifications.ask(ask(viewer, subject))).toBe('HERE');
      expect(await awaiting(subject)).toEqual([]);
      const hidden = ask(viewer, subject, { whileHere: true });
      expect(await store.notifications.ask(hidden)).toBe('KEPT');
      await store.change(choose(subject, 'INVISIBLE'));
      expect(await store.notifications.ask(ask(viewer, subject))).toBe('KEPT');
    });
  });

  describe('limits', () => {
    test('of a viewer: what has ended does not count', async () => {
      const viewer = newUser();
      const subjects = Array.from({ length: 4 }, newUser);
      const [first = '', second = '', third = '', fourth = ''] = subjects;
      for (const subject of [first, second, third]) {
        expect(await store.notifications.ask(ask(viewer, subject))).toBe('KEPT');
      }
      expect(await store.notifications.ask(ask(viewer, fourth))).toBe('VIEWER_FULL');
      expect(await store.notifications.ask(ask(viewer, third))).toBe('KEPT');
      await store.notifications.cancel({ viewerUserId: viewer, subjectUserId: first });
      expect(await store.notifications.ask(ask(viewer, fourth))).toBe('KEPT');
    });

    test('of a subject', async () => {
      const subject = newUser();
      const viewers = Array.from({ length: 5 }, newUser);
      const outcomes: string[] = [];
      for (const viewer of viewers)
        outcomes.push(await store.notifications.ask(ask(viewer, subject)));
      expect(outcomes).toEqual(['KEPT', 'KEPT', 'KEPT', 'KEPT', 'SUBJECT_FULL']);
      expect(await store.notifications.ask(ask(viewers[0]!, subject))).toBe('KEPT');
      expect(await store.notifications.listOf(viewers[4]!)).toEqual([]);
    });

    test('of notifications to a viewer, in a window', async () => {
      const [viewer, other] = [newUser(), newUser()];
      const may = (userId: string) => store.notifications.mayPush(userId);
      const within = [await may(viewer), await may(viewer), await may(viewer), await may(other)];
      expect(within).toEqual([true, true, false, true]);
    });

    test('of notifications to a viewer, which end with the window', async () => {
      const notificationLimits = { ...LIMITS, windowMs: 300 };
      await using brief = await openStore({ ...settings, notificationLimits });
      await untilNoHold(brief);
      const viewer = newUser();
      const may = () => brief.notifications.mayPush(viewer);
      const asked = () => Promise.all([may(), may(), may(), may(), may()]);
      // A window may end in the midst of them.
      await eventually(async () => expect(await asked()).toContain(false));
      await eventually(may, { intervalMs: 50 });
    });
  });

  describe('the outbox says that somebody waits', () => {
    test('when the subject comes online, and at no other change', async () => {
      const [viewer, subject] = [newUser(), newUser()];
      await store.notifications.ask(ask(viewer, subject));
      await store.change(open(subject));
      expect(await entryOf(subject)).toMatchObject({ awaited: true, cause: 'OPENED' });
      await store.change(choose(subject, 'BUSY'));
      expect(await entryOf(subject)).toMatchObject({ awaited: false, cause: 'CHOSEN' });
      await store.change(close(subject, `${subject}/1`, 0));
      expect(await entryOf(subject)).toMatchObject({ awaited: false, cause: 'LOGOUT' });
      await store.change(open(subject));
      expect(await entryOf(subject)).toMatchObject({ awaited: true });
    });

    test('not once the last request has ended', async () => {
      const [viewer, other, subject] = [newUser(), newUser(), newUser()];
      await store.notifications.ask(ask(viewer, subject));
      await store.notifications.ask(ask(other, subject));
      await store.notifications.claim(subject, (await awaiting(subject)).slice(0, 1));
      await store.change(open(subject));
      expect(await entryOf(subject)).toMatchObject({ awaited: true });
      await store.notifications.claim(subject, await awaiting(subject));
      await store.change(close(subject, `${subject}/1`, 0));
      await store.change(open(subject));
      expect(await entryOf(subject)).toMatchObject({ awaited: false, cause: 'OPENED' });
    });

    test('when the subject stops being invisible, and never while they are', async () => {
      const [viewer, subject] = [newUser(), newUser()];
      await store.change(choose(subject, 'INVISIBLE'));
      await store.notifications.ask(ask(viewer, subject));
      await store.change(open(subject));
      expect(await outboxOf(store, subject)).toEqual([]);
      await store.change(choose(subject, 'AWAY'));
      expect(await entryOf(subject)).toMatchObject({ awaited: true, cause: 'CHOSEN' });
    });
  });

  test('a request that has waited for too long is gone', async () => {
    await using brief = await openStore({ ...settings, notificationLimits: { ttlMs: 200 } });
    await untilNoHold(brief);
    const [viewer, subject] = [newUser(), newUser()];
    expect(await brief.notifications.ask(ask(viewer, subject))).toBe('KEPT');
    await eventually(async () => (await brief.notifications.listOf(viewer)).length === 0);
    // Its own time began a little later than that of the viewer's index.
    await eventually(async () => {
      expect((await brief.notifications.awaiting(subject)).requests).toEqual([]);
    });
    await brief.change(open(subject));
    expect((await outboxOf(brief, subject))[0]).toMatchObject({ awaited: false });
  });
}
