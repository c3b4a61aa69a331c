/** Messages to a push service on loopback that checks and decrypts them. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemClock as clock } from '../../../lib/clock.ts';
import { createPushSender, type PushSender } from '../../../lib/web-push/sender.ts';
import { generateVapidKeys } from '../../../lib/web-push/vapid.ts';
import { startPushService, type PushService } from '../../support/push-service.ts';

const keys = generateVapidKeys('mailto:test@example.org');
let service: PushService;
let sender: PushSender;
beforeAll(async () => {
  service = await startPushService();
  sender = createPushSender({ keys, clock });
});
afterAll(async () => {
  sender[Symbol.dispose]();
  await service[Symbol.asyncDispose]();
});

function messageTo(browser: string, endpoint?: string) {
  const { keys: secrets, ...subscribed } = service.subscribe(browser, keys.publicKey);
  const subscription = { endpoint: endpoint ?? subscribed.endpoint, ...secrets };
  const payload = JSON.stringify({ text: 'héllo' });
  return { subscription, payload, ttlS: 60, urgency: 'low', topic: 'news' } as const;
}

test('a message arrives as it was, signed for this push service', async () => {
  expect(await sender.send(messageTo('alice'))).toEqual({ kind: 'ACCEPTED' });
  expect(service.problems).toEqual([]);
  expect(service.messages).toEqual([
    { browser: 'alice', data: { text: 'héllo' }, ttl: '60', urgency: 'low', topic: 'news' },
  ]);
});

test.each([
  [{ status: 404 }, { kind: 'GONE' }],
  [{ status: 410 }, { kind: 'GONE' }],
  [{ status: 403 }, { kind: 'REFUSED', problem: 'answered 403' }],
  [
    { status: 307, headers: { location: 'http://127.0.0.1:9/' } },
    { kind: 'REFUSED', problem: 'answered 307' },
  ],
  [{ status: 503 }, { kind: 'LATER', problem: 'answered 503', mayHaveArrived: false }],
  [
    { status: 429, headers: { 'retry-after': '7' } },
    { kind: 'LATER', afterMs: 7000 },
  ],
])('%j means %j', async (answer, outcome) => {
  const browser = `browser-${service.requests.length}`;
  const message = messageTo(browser);
  service.answer(browser, answer);
  expect(await sender.send(message)).toMatchObject(outcome);
});

test('a date to come back at is understood', async () => {
  const message = messageTo('dated');
  const at = new Date(clock.now() + 90_000).toUTCString();
  service.answer('dated', { status: 429, headers: { 'retry-after': at } });
  const outcome = await sender.send(message);
  expect(outcome).toMatchObject({ kind: 'LATER' });
  const afterMs = outcome.kind === 'LATER' ? outcome.afterMs! : 0;
  expect(afterMs).toBeGreaterThan(80_000);
  expect(afterMs).toBeLessThanOrEqual(90_000);
});

test('nobody there is for another time; a private place is not', async () => {
  const nobody = await sender.send(messageTo('a', 'http://127.0.0.1:9/push'));
  expect(nobody).toMatchObject({ kind: 'LATER', mayHaveArrived: true });
  expect(nobody).toMatchObject({ problem: expect.stringMatching(/ECONNREFUSED/) });
  expect(await sender.send(messageTo('b', 'https://10.0.0.1/push'))).toEqual({
    ...{ kind: 'REFUSED', problem: 'endpoint must be on a public host' },
  });
});

test('a public name with a private address is refused where the connection is made', async () => {
  const addresses = [{ address: '127.0.0.1', family: 4 }];
  using guarded = createPushSender({
    ...{ keys, clock },
    resolve: (_hostname, _options, callback) => callback(null, addresses),
  });
  expect(await guarded.send(messageTo('c', 'https://rebound.example.org/push'))).toEqual({
    ...{ kind: 'REFUSED', problem: 'rebound.example.org has no public address' },
  });
});

test('keys that encrypt nothing are refused', async () => {
  const message = messageTo('d');
  const subscription = { ...message.subscription, p256dh: 'AAAA' };
  expect(await sender.send({ ...message, subscription })).toMatchObject({ kind: 'REFUSED' });
});
