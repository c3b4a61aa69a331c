/** Whose tokens are taken, and which settings cannot be meant. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import { createAuthenticator, type AuthOptions } from '../../gateway/door/auth.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { ConfigError } from '../../lib/config.ts';

const SECRET = 'a secret of thirty-two bytes or more';
const KEY = new TextEncoder().encode(SECRET);
const HOST = '127.0.0.1';

const signedBy = (secret: Uint8Array, claims: JWTPayload): Promise<string> =>
  new SignJWT({ sub: 'ann', exp: Math.floor(clock.now() / 1000) + 600, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(secret);

const authenticator = (options: Partial<AuthOptions>) =>
  createAuthenticator({ mode: 'jwt', host: HOST, clock, ...options });

describe('with an audience and an issuer', () => {
  const { authenticate } = authenticator({
    jwtSecret: SECRET,
    jwtAudience: 'presence',
    jwtIssuer: 'https://id.example.com',
  });
  const iss = 'https://id.example.com';

  test.each([['presence'], [['mail', 'presence']]])('a token for %p is taken', async (aud) => {
    const token = await signedBy(KEY, { aud, iss });
    expect(await authenticate(token)).toMatchObject({ userId: 'ann', isOperator: false });
  });

  test.each([
    ['for another app', { aud: 'mail', iss }, 'claim aud must have "presence"'],
    ['for nobody in particular', { iss }, 'claim aud must have "presence"'],
    ['of another issuer', { aud: 'presence', iss: 'evil' }, 'claim iss must be "https://id'],
    ['of no issuer', { aud: 'presence' }, 'claim iss must be "https://id'],
  ])('one %s is refused, an operator’s too', async (_what, claims, problem) => {
    const token = await signedBy(KEY, { ...claims, role: 'operator' });
    await expect(authenticate(token)).rejects.toThrow(problem);
  });
});

describe('with published keys', () => {
  const server = createServer((_request, response) => response.end(keys));
  let keys = '';
  let jwksUrl = '';
  let sign: (claims: JWTPayload) => Promise<string>;

  beforeAll(async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    keys = JSON.stringify({
      keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }],
    });
    await once(server.listen(0, HOST), 'listening');
    jwksUrl = `http://${HOST}:${(server.address() as AddressInfo).port}/`;
    sign = (claims) =>
      new SignJWT({ sub: 'ann', exp: Math.floor(clock.now() / 1000) + 600, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .sign(privateKey);
  });

  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  test('a token of the same provider for another app is refused', async () => {
    const { authenticate } = authenticator({ jwksUrl, jwtAudience: 'presence' });
    expect(await authenticate(await sign({ aud: 'presence' }))).toMatchObject({ userId: 'ann' });
    const other = await sign({ aud: 'mail', role: 'operator' });
    await expect(authenticate(other)).rejects.toThrow('claim aud must have "presence"');
  });

  test('there is no gateway without an audience', () => {
    expect(() => authenticator({ jwksUrl })).toThrow(ConfigError);
    const issuer = { jwksUrl, jwtIssuer: 'https://id.example.com' };
    expect(() => authenticator(issuer)).toThrow('MESH_JWKS_URL needs MESH_JWT_AUDIENCE');
  });
});

test.each([
  ['MESH_JWT_SECRET', { jwtSecret: SECRET }],
  ['MESH_JWKS_URL', { jwksUrl: 'https://id.example.com/keys' }],
  ['MESH_JWT_AUDIENCE, MESH_JWT_ISSUER', { jwtAudience: 'presence', jwtIssuer: 'me' }],
])('%s with dev tokens cannot be meant', (names, options) => {
  const start = () => authenticator({ mode: 'dev', ...options });
  expect(start).toThrow(ConfigError);
  expect(start).toThrow(`${names}: set, but MESH_AUTH is dev`);
});
