import { expect, test } from '@jest/globals';
import { ConfigError, readSettings, type Environment } from '../../../lib/config.ts';
import { generateVapidKeys, vapidKeysOf, vapidSettings } from '../../../lib/web-push/vapid.ts';

const keys = generateVapidKeys('mailto:ops@example.org');
const env = {
  MESH_VAPID_SUBJECT: keys.subject,
  MESH_VAPID_PUBLIC_KEY: keys.publicKey,
  MESH_VAPID_PRIVATE_KEY: keys.privateKey,
};

const read = (given: Environment) => vapidKeysOf(readSettings(vapidSettings, given, []));
const problemsOf = (given: Environment): readonly string[] => {
  try {
    read(given);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
};

test('all three, or none', () => {
  expect(read(env)).toEqual(keys);
  expect(read({})).toBeUndefined();
  expect(problemsOf({ ...env, MESH_VAPID_SUBJECT: '', MESH_VAPID_PRIVATE_KEY: '' })).toEqual([
    expect.stringMatching(/^MESH_VAPID_SUBJECT: not set; Web Push needs all three or none/),
    expect.stringMatching(/^MESH_VAPID_PRIVATE_KEY: not set/),
  ]);
});

test('what is wrong is said without the private key', () => {
  const wrong = { ...env, MESH_VAPID_SUBJECT: 'me', MESH_VAPID_PRIVATE_KEY: 'very-secret' };
  expect([...problemsOf(wrong)].sort()).toEqual([
    expect.stringMatching(/^MESH_VAPID_PRIVATE_KEY: must be 32 bytes in base64url/),
    expect.stringMatching(/^MESH_VAPID_SUBJECT=me: must be mailto:/),
  ]);
});

test('32 bytes that are no key of the curve are told like any other wrong value', () => {
  for (const byte of [0, 255]) {
    const wrong = Buffer.alloc(32, byte).toString('base64url');
    expect(problemsOf({ ...env, MESH_VAPID_PRIVATE_KEY: wrong })).toEqual([
      expect.stringMatching(/^MESH_VAPID_PRIVATE_KEY: must be .* a private key of P-256/),
    ]);
  }
});

test('the keys are a pair', () => {
  const other = generateVapidKeys('mailto:a@b');
  expect(problemsOf({ ...env, MESH_VAPID_PUBLIC_KEY: other.publicKey })).toEqual([
    expect.stringContaining('is not the public key of MESH_VAPID_PRIVATE_KEY'),
  ]);
});
