/** Who is at the door. Tokens are checked before a connection is upgraded, and never logged. */
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose';
import type { Clock } from '../../lib/clock.ts';
import { ConfigError } from '../../lib/config.ts';
import { IDENTIFIER_GRAMMAR, isIdentifier } from '../../lib/identifiers.ts';
import type { HttpRequest } from '../server/socket-server.ts';

export interface Identity {
  readonly userId: string;
  /** When the token ends, ms since the epoch; a connection is closed then. Infinity: never. */
  readonly expiresAtMs: number;
  /** May ask what others must not see: every dev token, and a JWT with the claim `role: "operator"`. */
  readonly isOperator: boolean;
}

/** Refused; the words are for the client. */
export class AuthError extends Error {
  override readonly name = 'AuthError';
}

/** The keys to check with could not be had: nobody's fault at the door. */
export class KeysUnavailableError extends Error {
  override readonly name = 'KeysUnavailableError';
}

export interface Authenticator {
  /** @throws AuthError, KeysUnavailableError */
  authenticate(token: string): Identity | Promise<Identity>;
}

export interface AuthOptions {
  readonly mode: 'dev' | 'jwt';
  /** The interface the gateway listens on. */
  readonly host: string;
  readonly jwtSecret?: string | undefined;
  readonly jwksUrl?: string | undefined;
  /** Whom tokens must be for, their claim `aud`; needed with `jwksUrl`. */
  readonly jwtAudience?: string | undefined;
  /** Who must have made them, their claim `iss`; anyone who has the key when absent. */
  readonly jwtIssuer?: string | undefined;
  readonly clock: Clock;
}

/** @throws ConfigError when the mode cannot be served safely. */
export function createAuthenticator(options: AuthOptions): Authenticator {
  return options.mode === 'dev' ? devAuthenticator(options) : jwtAuthenticator(options);
}

export const hasToken = (request: HttpRequest): boolean => Boolean(findToken(request));

/** @throws AuthError when there is none. */
export function tokenOf(request: HttpRequest): string {
  const token = findToken(request);
  if (token) return token;
  throw new AuthError('no token: send Authorization: Bearer TOKEN, or ?access_token=TOKEN');
}

/** The header, or for browsers, which cannot set one on a WebSocket, the query. */
function findToken(request: HttpRequest): string | null {
  const [scheme = '', credentials = ''] = request.header('authorization').split(' ', 2);
  return scheme.toLowerCase() === 'bearer' ? credentials : request.query.get('access_token');
}

const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/;

function devAuthenticator({ host, ...options }: AuthOptions): Authenticator {
  requireNoTokenRules(options);
  if (!LOOPBACK.test(host)) {
    throw new ConfigError([
      `MESH_AUTH=dev lets anyone be anyone, so it is served on loopback only, not on ${host}. ` +
        'Set MESH_AUTH=jwt with MESH_JWT_SECRET or MESH_JWKS_URL.',
    ]);
  }
  return {
    authenticate(token) {
      if (!token.startsWith('dev:')) throw new AuthError('not a dev token: send dev:USER');
      return { userId: requireUserId(token.slice(4)), expiresAtMs: Infinity, isOperator: true };
    },
  };
}

/** Whoever set them believes that tokens are checked. */
function requireNoTokenRules(options: Omit<AuthOptions, 'host'>): void {
  const { jwtSecret, jwksUrl, jwtAudience, jwtIssuer } = options;
  const rules = {
    MESH_JWT_SECRET: jwtSecret,
    MESH_JWKS_URL: jwksUrl,
    MESH_JWT_AUDIENCE: jwtAudience,
    MESH_JWT_ISSUER: jwtIssuer,
  };
  const given = Object.entries(rules).filter(([, value]) => value !== undefined);
  if (given.length === 0) return;
  const names = given.map(([name]) => name).join(', ');
  throw new ConfigError([
    `${names}: set, but MESH_AUTH is dev, which checks no token: anyone could be anyone. ` +
      `Set MESH_AUTH=jwt, or unset ${names}.`,
  ]);
}

function requireUserId(text: string): string {
  if (isIdentifier(text)) return text;
  throw new AuthError(`the token's user is no user id: ${IDENTIFIER_GRAMMAR}`);
}

/** Clocks of issuers are seldom exact. */
const CLOCK_TOLERANCE_S = 5;

/** Value of the claim `role`. */
const OPERATOR = 'operator';

function jwtAuthenticator(options: AuthOptions): Authenticator {
  const verify = verifier(options);
  return {
    async authenticate(token) {
      const payload = await verify(token).catch((error: unknown) => {
        throw refusal(error, options);
      });
      const userId = requireUserId(payload.sub ?? '');
      const expiresAtMs = ((payload.exp ?? 0) + CLOCK_TOLERANCE_S) * 1000;
      return { userId, expiresAtMs, isOperator: payload['role'] === OPERATOR };
    },
  };
}

function verifier(options: AuthOptions): (token: string) => Promise<JWTPayload> {
  const { jwtSecret, jwksUrl, jwtAudience: audience, jwtIssuer: issuer, clock } = options;
  const rules = () => ({
    requiredClaims: ['sub', 'exp'],
    clockTolerance: CLOCK_TOLERANCE_S,
    currentDate: new Date(clock.now()),
    ...(audience !== undefined && { audience }),
    ...(issuer !== undefined && { issuer }),
  });
  if (jwtSecret && jwksUrl) {
    throw new ConfigError(['MESH_JWT_SECRET and MESH_JWKS_URL exclude each other: set one.']);
  }
  if (jwtSecret) {
    const key = new TextEncoder().encode(jwtSecret);
    return async (token) =>
      (await jwtVerify(token, key, { ...rules(), algorithms: ['HS256'] })).payload;
  }
  if (jwksUrl) {
    // Its keys sign for every app that uses the identity provider, and an issuer is the same for all of them.
    if (audience === undefined) {
      throw new ConfigError([
        'MESH_JWKS_URL needs MESH_JWT_AUDIENCE: the claim aud of tokens that are meant for this mesh. ' +
          'Without it, a token for any other app of the same identity provider would be let in.',
      ]);
    }
    const keys = createRemoteJWKSet(new URL(jwksUrl));
    return async (token) =>
      (await jwtVerify(token, keys, { ...rules(), algorithms: ASYMMETRIC })).payload;
  }
  throw new ConfigError(['MESH_AUTH=jwt needs MESH_JWT_SECRET or MESH_JWKS_URL.']);
}

/** Never HS256 with public keys: they would become its secret. */
const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
];

function refusal(error: unknown, { jwtAudience, jwtIssuer }: AuthOptions): Error {
  if (error instanceof errors.JWTExpired)
    return new AuthError('the token has expired: get a new one');
  if (error instanceof errors.JWTClaimValidationFailed) {
    const rights: Readonly<Record<string, string>> = {
      aud: `must have ${JSON.stringify(jwtAudience)}, as this gateway does`,
      iss: `must be ${JSON.stringify(jwtIssuer)}`,
    };
    const right = rights[error.claim] ?? 'is missing or wrong; it needs sub and exp';
    return new AuthError(`the token's claim ${error.claim} ${right}`);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed || isKeyMissing(error)) {
    return new AuthError('the token is not signed by a key this gateway trusts');
  }
  if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)) {
    return new KeysUnavailableError('the keys at MESH_JWKS_URL cannot be read', { cause: error });
  }
  return new AuthError(`not a valid JWT: ${error.message}`);
}

const isKeyMissing = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JOSEAlgNotAllowed;
