import { expect, test } from '@jest/globals';
import {
  endpointProblem,
  isPublicAddress,
  subscriptionProblem,
} from '../../../lib/web-push/subscription.ts';
import { generateVapidKeys } from '../../../lib/web-push/vapid.ts';

const good = {
  endpoint: 'https://push.example.org/a',
  p256dh: generateVapidKeys('mailto:a@b').publicKey,
  auth: Buffer.alloc(16).toString('base64url'),
};

test.each([
  [{}, undefined],
  [{ endpoint: '' }, 'endpoint is missing'],
  [{ endpoint: 'push' }, 'endpoint is no URL'],
  [{ endpoint: `https://a.example/${'x'.repeat(1024)}` }, 'endpoint is longer than 1024 bytes'],
  [{ p256dh: 'AAAA' }, /^keys.p256dh is no public key/],
  [{ p256dh: Buffer.alloc(65, 4).toString('base64url') }, /^keys.p256dh is no public key/],
  [{ auth: 'AAAA' }, /^keys.auth is no secret/],
  [{ auth: '++++++++++++++++++++++' }, /^keys.auth is no secret/],
])('a subscription with %j: %s', (more, problem) => {
  const found = subscriptionProblem({ ...good, ...more });
  if (problem instanceof RegExp) expect(found).toMatch(problem);
  else expect(found).toBe(problem);
});

const NOT_PUBLIC = 'endpoint must be on a public host';

test.each([
  ['https://fcm.googleapis.com/fcm/send/x', undefined],
  ['https://93.184.215.14/x', undefined],
  ['https://[2606:4700::1111]/x', undefined],
  ['http://push.example.org/x', 'endpoint must be https'],
  ['ftp://push.example.org/x', 'endpoint must be https'],
  ['https://user:secret@push.example.org/x', 'endpoint must not have a user or a password in it'],
  ['http://127.0.0.1:8080/x', 'endpoint must be https'],
  ['https://localhost/x', NOT_PUBLIC],
  ['https://localhost./x', NOT_PUBLIC],
  ['https://redis/x', NOT_PUBLIC],
  ['https://redis./x', NOT_PUBLIC],
  ['https://redis.internal/x', NOT_PUBLIC],
  ['https://redis.internal./x', NOT_PUBLIC],
  ['https://127.0.0.1/x', NOT_PUBLIC],
  ['https://2130706433/x', NOT_PUBLIC],
  ['https://0x7f.1/x', NOT_PUBLIC],
  ['https://10.1.2.3/x', NOT_PUBLIC],
  ['https://169.254.169.254/latest/meta-data', NOT_PUBLIC],
  ['https://[::1]/x', NOT_PUBLIC],
  ['https://[::ffff:10.0.0.1]/x', NOT_PUBLIC],
  ['https://[fd00::1]/x', NOT_PUBLIC],
  ['https://[64:ff9b::a00:1]/x', NOT_PUBLIC],
])('%s may be written to: %s', (endpoint, problem) => {
  expect(endpointProblem(endpoint, { allowLoopback: false })).toBe(problem);
});

test('a developer may have plain http on the machine itself, and nowhere else', () => {
  const problem = (endpoint: string) => endpointProblem(endpoint, { allowLoopback: true });
  expect(['127.0.0.1:9', 'localhost', '[::1]'].map((host) => problem(`http://${host}/x`))).toEqual(
    Array(3).fill(undefined),
  );
  expect(problem('http://127.0.0.1.example.org/x')).toBe('endpoint must be https');
  expect(problem('http://10.0.0.1/x')).toBe('endpoint must be https');
});

test.each([
  ['8.8.8.8', true],
  ['172.15.0.1', true],
  ['172.16.0.1', false],
  ['100.64.0.1', false],
  ['0.0.0.0', false],
  ['224.0.0.1', false],
  ['2001:db8::1', false],
  ['2002:a00:1::', false],
  ['fe80::1', false],
  ['nonsense', false],
])('%s is public: %p', (address, isPublic) => {
  expect(isPublicAddress(address)).toBe(isPublic);
});
