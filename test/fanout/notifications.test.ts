/** Who asked to be told is told once, by way of a push service that decrypts what it gets. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { FanoutPart } from '../../fanout/app.ts';
import { generateVapidKeys } from '../../lib/web-push/vapid.ts';
import type { AskOutcome } from '../../store/notification-store.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import { eventually } from '../support/eventually.ts';
import { startPushService, type PushService } from '../support/push-service.ts';
import { createSteadyClock, type SteadyClock } from '../support/steady-clock.ts';
import { createRig, SHARDS, type Rig } from './rig.ts';

const vapid = generateVapidKeys('mailto:test@example.org');

let clock: SteadyClock;
let rig: Rig;
let service: PushService;
let worker: FanoutPart;
beforeEach(async () => {
  clock = createSteadyClock();
  service = await startPushService();
  const notificationLimits = { pushes: 2, windowMs: 60_000 };
  const store = createMemoryPresenceStore({
    ...{ shardCount: SHARDS, leaseTtlMs: 60_000, clock, notificationLimits },
  });
  rig = await createRig({ store, clock, maxFollowers: 1 });
  worker = await rig.worker({ vapid });
});
afterEach(async () => {
  await rig[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
  clock[Symbol.dispose]();
});

/** The viewer's browser subscribes, and asks for each of the subjects. */
async function ask(viewerUserId: string, ...subjects: string[]): Promise<void> {
  await askAt(service, viewerUserId, ...subjects);
}

async function askAt(at: PushService, viewerUserId: string, ...subjects: string[]): Promise<void> {
  const { endpoint, keys } = at.subscribe(viewerUserId, vapid.publicKey);
  for (const subjectUserId of subjects) {
    const request = { viewerUserId, subjectUserId, subscription: { endpoint, ...keys } };
    const outcome: AskOutcome = await rig.store.notifications.ask({ ...request, whileHere: false });
    expect(outcome).toBe('KEPT');
  }
}

const comeOnline = (userId: string): Promise<void> => rig.open(userId, 'gw-1', 'only');
const leave = (userId: string): Promise<void> =>
  rig.change({ kind: 'close', userId, sessionId: 'only', graceMs: 0, trace: '' });
const told = (): string[] =>
  service.messages.map(({ browser, data }) => `${browser}: ${(data as { userId: string }).userId}`);
const waiting = async (viewer: string): Promise<string[]> =>
  (await rig.store.notifications.listOf(viewer)).map(({ subjectUserId }) => subjectUserId);

/** Everything asked for before is over when this one, asked for last, has arrived. */
async function afterwards(): Promise<void> {
  await rig.befriend('marker', 'friend');
  await ask('marker', 'friend');
  await comeOnline('friend');
  await eventually(() => expect(told()).toContain('marker: friend'));
  expect(service.problems).toEqual([]);
}

test('once: the next time the subject comes online says nothing', async () => {
  await rig.befriend('alice', 'bob');
  await ask('alice', 'bob');
  await comeOnline('bob');
  await eventually(() => expect(told()).toEqual(['alice: bob']));
  const [message] = service.messages;
  expect(message).toMatchObject({ ttl: '900', urgency: 'normal' });
  expect(message!.data).toMatchObject({ userId: 'bob', status: 'STATUS_ONLINE' });
  expect(message!.topic).toMatch(/^[\w-]{32}$/);
  await leave('bob');
  await comeOnline('bob');
  await afterwards();
  expect(told()).toEqual(['alice: bob', 'marker: friend']);
});

test('those from whom the subject hides keep waiting, as if nothing had been', async () => {
  for (const viewer of ['blocked', 'blocking', 'parted', 'alice'])
    await rig.befriend(viewer, 'bob');
  for (const viewer of ['blocked', 'blocking', 'parted', 'alice']) await ask(viewer, 'bob');
  await rig.graph.change({ kind: 'BLOCK', from: 'bob', to: 'blocked' });
  await rig.graph.change({ kind: 'BLOCK', from: 'blocking', to: 'bob' });
  await rig.graph.change({ kind: 'UNFRIEND', from: 'parted', to: 'bob' });
  await comeOnline('bob');
  await eventually(() => expect(told()).toEqual(['alice: bob']));
  await afterwards();
  expect(told()).toEqual(['alice: bob', 'marker: friend']);
  for (const viewer of ['blocked', 'blocking', 'parted'])
    expect(await waiting(viewer)).toEqual(['bob']);
});

test('who is invisible does not come online', async () => {
  await rig.befriend('alice', 'bob');
  await rig.choose('bob', 'INVISIBLE');
  await ask('alice', 'bob');
  await comeOnline('bob');
  await afterwards();
  expect(told()).toEqual(['marker: friend']);
  await rig.choose('bob', 'BUSY');
  await eventually(() => expect(told()).toContain('alice: bob'));
  expect(service.messages.at(-1)!.data).toMatchObject({ status: 'STATUS_BUSY' });
});

test('who is connected sees it there; who only looks up is notified all the same', async () => {
  await rig.gateway('gw-2');
  await rig.befriend('alice', 'bob');
  await rig.open('alice', 'gw-2');
  await ask('alice', 'bob');
  for (const fan of ['fan', 'another'])
    await rig.graph.change({ kind: 'FOLLOW', from: fan, to: 'star' });
  await rig.open('fan', 'gw-2');
  await ask('fan', 'star');
  await comeOnline('bob');
  await comeOnline('star');
  await eventually(() => expect(told()).toEqual(['fan: star']));
  await eventually(async () => expect(await waiting('alice')).toEqual([]));
  expect(told()).toEqual(['fan: star']);
});

test('a cancelled request is not told', async () => {
  await rig.befriend('alice', 'bob');
  await ask('alice', 'bob');
  await rig.store.notifications.cancel({ viewerUserId: 'alice', subjectUserId: 'bob' });
  await comeOnline('bob');
  await afterwards();
  expect(service.requests).toEqual(['marker']);
});

test('an endpoint that is gone is forgotten, with all that was asked for there', async () => {
  for (const friend of ['bob', 'carol']) await rig.befriend('alice', friend);
  await ask('alice', 'bob', 'carol');
  service.answer('alice', { status: 410 });
  await comeOnline('bob');
  await eventually(async () => expect(await waiting('alice')).toEqual([]));
  await comeOnline('carol');
  await afterwards();
  expect(service.requests).toEqual(['alice', 'marker']);
});

test('a push service that is busy is asked again when it says, and one that refuses is not', async () => {
  await rig.befriend('alice', 'bob');
  await rig.befriend('ann', 'bob');
  await ask('alice', 'bob');
  await ask('ann', 'bob');
  const later = { status: 429, headers: { 'retry-after': '0' } };
  service.answer('alice', later, { ...later, status: 503 });
  service.answer('ann', { status: 403 });
  await comeOnline('bob');
  await eventually(() => expect(told()).toEqual(['alice: bob']));
  await eventually(() => {
    expect([...service.requests].sort()).toEqual(['alice', 'alice', 'alice', 'ann']);
  });
  expect(await waiting('ann')).toEqual([]);
});

test('what a push service did not take when the worker stops waits for the next time', async () => {
  await rig.befriend('alice', 'bob');
  await ask('alice', 'bob');
  service.answer('alice', { status: 503, headers: { 'retry-after': '600' } });
  await comeOnline('bob');
  await eventually(() => expect(service.requests).toEqual(['alice']));
  await eventually(async () => expect(await waiting('alice')).toEqual(['bob']));
  await worker[Symbol.asyncDispose]();
  expect(await waiting('alice')).toEqual(['bob']);
  await leave('bob');
  await rig.worker({ vapid });
  await comeOnline('bob');
  await eventually(() => expect(told()).toEqual(['alice: bob']));
});

test('a push service that asks for more time than the news is worth is not waited for', async () => {
  await rig.befriend('alice', 'bob');
  await ask('alice', 'bob');
  service.answer('alice', { status: 429, headers: { 'retry-after': '86400' } });
  await comeOnline('bob');
  await eventually(() => expect(service.requests).toEqual(['alice']));
  await eventually(async () => expect(await waiting('alice')).toEqual(['bob']));
});

test('a viewer gets so many a minute; what is beyond waits', async () => {
  for (const friend of ['bob', 'carol', 'dan']) await rig.befriend('alice', friend);
  await ask('alice', 'bob', 'carol', 'dan');
  for (const friend of ['bob', 'carol', 'dan']) {
    await comeOnline(friend);
    await eventually(async () => {
      const requests = await waiting('alice');
      return !requests.includes(friend) || requests.length === 1;
    });
  }
  await afterwards();
  await eventually(() => {
    expect(told().sort()).toEqual(['alice: bob', 'alice: carol', 'marker: friend']);
  });
  expect(await waiting('alice')).toEqual(['dan']);
});

test('a viewer who names many endpoints gets no more messages for that', async () => {
  await rig.befriend('alice', 'bob');
  for (let device = 0; device < 4; device++) await ask('alice', 'bob');
  await comeOnline('bob');
  await eventually(async () => expect(await waiting('alice')).toEqual(['bob', 'bob']));
  await afterwards();
  await eventually(() => {
    expect([...service.requests].sort()).toEqual(['alice', 'alice', 'marker']);
  });
});

test('a request that is taken back while it waits for another try is not tried again', async () => {
  await rig.befriend('alice', 'bob');
  await ask('alice', 'bob');
  service.answer('alice', { status: 503, headers: { 'retry-after': '1' } });
  await comeOnline('bob');
  await eventually(() => expect(service.requests).toEqual(['alice']));
  await eventually(async () => expect(await waiting('alice')).toEqual(['bob']));
  const which = { viewerUserId: 'alice', subjectUserId: 'bob' };
  expect(await rig.store.notifications.cancel(which)).toBe(1);
  // Another one's, that waits as long and began later, is tried again.
  await rig.befriend('ann', 'carol');
  await ask('ann', 'carol');
  service.answer('ann', { status: 503, headers: { 'retry-after': '1' } });
  await comeOnline('carol');
  await eventually(() => expect(told()).toEqual(['ann: carol']));
  expect(service.requests).toEqual(['alice', 'ann', 'ann']);
});

test('what comes online again meanwhile is told once, by the later time', async () => {
  await rig.befriend('alice', 'bob');
  await ask('alice', 'bob');
  service.answer('alice', { status: 503, headers: { 'retry-after': '1' } });
  await comeOnline('bob');
  await eventually(() => expect(service.requests).toEqual(['alice']));
  await eventually(async () => expect(await waiting('alice')).toEqual(['bob']));
  await leave('bob');
  await comeOnline('bob');
  await eventually(() => expect(told()).toEqual(['alice: bob']));
  await rig.befriend('ann', 'carol');
  await ask('ann', 'carol');
  service.answer('ann', { status: 503, headers: { 'retry-after': '1' } });
  await comeOnline('carol');
  await eventually(() => expect(told()).toEqual(['alice: bob', 'ann: carol']));
});

test('a push service that hangs delays nobody else', async () => {
  await using hanging = await startPushService();
  hanging.hang();
  // One place after the other, these would be waited for for minutes.
  const hostile = Array.from({ length: 160 }, (_, i) => `hostile-${i}`);
  for (const viewer of hostile) {
    for (const subject of ['bob', 'carol']) await rig.befriend(viewer, subject);
    await askAt(hanging, viewer, 'bob', 'carol');
  }
  for (const subject of ['carol', 'dan']) await rig.befriend('alice', subject);
  await ask('alice', 'carol', 'dan');
  await comeOnline('bob');
  await eventually(() => expect(hanging.requests.length).toBeGreaterThan(0));
  await comeOnline('carol');
  await comeOnline('dan');
  await eventually(() => expect(told().sort()).toEqual(['alice: carol', 'alice: dan']), {
    timeoutMs: 120_000,
  });
  expect(service.problems).toEqual([]);
  // What is not sent there now waits, where its viewer can take it back.
  await eventually(async () => expect(await waiting('hostile-159')).not.toEqual([]));
}, 240_000);

test('sockets are told though the push service does not answer', async () => {
  await rig.befriend('alice', 'bob');
  await rig.befriend('ann', 'bob');
  const gateway = await rig.gateway('gw-2');
  await rig.open('ann', 'gw-2');
  const dead = 'http://127.0.0.1:9/push';
  const { keys } = service.subscribe('alice', vapid.publicKey);
  const subscription = { endpoint: dead, ...keys };
  const request = { viewerUserId: 'alice', subjectUserId: 'bob', subscription };
  await rig.store.notifications.ask({ ...request, whileHere: false });
  await comeOnline('bob');
  await eventually(() => expect(gateway.seen('ann', 'bob')).toBeDefined());
});
