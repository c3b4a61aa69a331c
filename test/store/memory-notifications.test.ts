/** What the in-process store keeps of notifications, and what it costs; what it does is in the conformance suite. */
import { expect, test } from '@jest/globals';
import { MemoryNotifications } from '../../store/memory-notifications.ts';
import { NOTIFICATION_LIMITS } from '../../store/notification-store.ts';
import { heapBytes } from '../support/heap.ts';
import { createManualClock } from '../support/manual-clock.ts';

const { ttlMs, windowMs } = NOTIFICATION_LIMITS;
const SUBSCRIPTION = { endpoint: 'https://push.example/phone', p256dh: 'key', auth: 'secret' };
const MANY = 20_000;

function open() {
  const clock = createManualClock();
  const limits = NOTIFICATION_LIMITS;
  const notifications = new MemoryNotifications({ clock, limits, statusOf: () => 'OFFLINE' });
  const ask = (viewerUserId: string, subjectUserId: string) =>
    notifications.ask({
      viewerUserId,
      subjectUserId,
      subscription: SUBSCRIPTION,
      whileHere: false,
    });
  return { clock, notifications, ask };
}

/** What of the memory that `fill` takes is still held after `end`. */
function keptShare(fill: () => void, end: () => void): number {
  const before = heapBytes();
  fill();
  const filled = heapBytes();
  end();
  return (heapBytes() - before) / (filled - before);
}

test('viewers whose time window is over are forgotten', () => {
  const { clock, notifications } = open();
  const fill = (): void => {
    for (let i = 0; i < MANY; i++) notifications.mayPush(`viewer-${i}`);
  };
  const end = (): void => {
    clock.advance(windowMs + 1);
    notifications.mayPush('one-more');
  };
  expect(keptShare(fill, end)).toBeLessThan(0.5);
  expect(notifications.mayPush('one-more')).toBe(true);
});

test('requests that ended unseen are forgotten, whomever they were for', () => {
  const { clock, notifications, ask } = open();
  const fill = (): void => {
    for (let i = 0; i < MANY; i++) ask(`viewer-${i}`, `subject-${i}`);
  };
  const end = (): void => {
    clock.advance(ttlMs + 1);
    ask('one-more', 'subject-0');
  };
  expect(keptShare(fill, end)).toBeLessThan(0.5);
  expect(notifications.awaiting('subject-0')).toHaveLength(1);
  expect(notifications.listOf('viewer-0')).toEqual([]);
});

// Where each walks the requests of all others, this takes minutes.
test('to ask and to list take no longer for what others have asked', () => {
  const { notifications, ask } = open();
  for (let i = 0; i < MANY; i++) ask(`viewer-${i}`, `subject-${i}`);
  let listed = 0;
  for (let i = 0; i < MANY; i++) listed += notifications.listOf(`viewer-${i}`).length;
  expect(listed).toBe(MANY);
}, 60_000);
