import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock as clock } from '../../lib/clock.ts';
import { generateVapidKeys } from '../../lib/web-push/vapid.ts';
import {
  cancelNotification,
  listNotifications,
  requestNotification,
} from '../../presence/notification-handlers.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { open } from '../support/presence-store.ts';

const subscription = {
  endpoint: 'https://push.example.org/a',
  p256dh: generateVapidKeys('mailto:a@b').publicKey,
  auth: Buffer.alloc(16).toString('base64url'),
};
const request = { viewerUserId: 'alice', subjectUserId: 'bob', subscription, hidden: false };

let store: PresenceStore;
beforeEach(() => {
  const notificationLimits = { aViewer: 2, aSubject: 1 };
  store = createMemoryPresenceStore({
    ...{ clock, shardCount: 4, leaseTtlMs: 30_000, notificationLimits },
  });
});
afterEach(async () => store[Symbol.asyncDispose]());

const ask = (more: Partial<typeof request> = {}) =>
  requestNotification(store.notifications, { ...request, ...more });

test('what was asked for is listed, until it is cancelled', async () => {
  await ask();
  const list = () => listNotifications(store.notifications, { viewerUserId: 'alice' });
  const { notifications } = await list();
  expect(notifications).toEqual([
    { subjectUserId: 'bob', endpoint: subscription.endpoint, askedAt: expect.any(Date) },
  ]);
  const cancel = () => cancelNotification(store.notifications, { ...request, endpoint: '' });
  expect([await cancel(), await cancel()]).toEqual([{ cancelled: 1 }, { cancelled: 0 }]);
  expect(await list()).toEqual({ notifications: [] });
});

test.each([
  [{ subjectUserId: 'alice' }, 'subject_user_id: is the viewer'],
  [{ viewerUserId: '' }, 'viewer_user_id: is missing'],
  [{ subscription: { ...subscription, auth: '' } }, 'subscription: keys.auth is no secret'],
])('%j is refused', async (more, message) => {
  const code = status.INVALID_ARGUMENT;
  const expected = { code, message: expect.stringContaining(message) };
  await expect(ask(more)).rejects.toMatchObject(expected);
});

test('there is nothing to wait for while the subject is online, but who may not know that', async () => {
  await store.change(open('bob'));
  await expect(ask()).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });
  expect(await ask({ hidden: true })).toEqual({});
});

test('there are limits of a viewer and of a subject', async () => {
  const code = status.RESOURCE_EXHAUSTED;
  await ask();
  await expect(ask({ viewerUserId: 'ann' })).rejects.toMatchObject({
    ...{ code, message: 'too many wait for bob: try again another day' },
  });
  await ask({ subjectUserId: 'carol' });
  await expect(ask({ subjectUserId: 'dan' })).rejects.toMatchObject({
    ...{ code, message: 'too many requests wait already: cancel some first' },
  });
});
