/**
 * A push service on loopback with its browsers: takes messages as RFC 8030 says, checks who sent them (RFC 8292) and
 * decrypts them (RFC 8291) with node:crypto alone, so that a mistake of the library that made them does not cancel out.
 */
import { createDecipheriv, createECDH, hkdfSync, randomBytes, type ECDH } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { importJWK, jwtVerify } from 'jose';

export interface BrowserSubscription {
  readonly endpoint: string;
  readonly keys: { readonly p256dh: string; readonly auth: string };
}

/** A message as its browser has it. */
export interface PushedMessage {
  readonly browser: string;
  readonly data: unknown;
  readonly ttl: string;
  readonly urgency: string;
  readonly topic: string;
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface PushService extends AsyncDisposable {
  readonly origin: string;
  /** What was taken and read. */
  readonly messages: readonly PushedMessage[];
  /** Requests, whatever they were answered. */
  readonly requests: readonly string[];
  /** What was wrong with messages; each was answered 400. */
  readonly problems: readonly string[];
  /** A browser subscribes with the sender's public key. */
  subscribe(browser: string, vapidPublicKey: string): BrowserSubscription;
  /** Answers the browser's next messages so, one each, and then takes them again. */
  answer(browser: string, ...answers: readonly Answer[]): void;
  /** From now on takes requests and answers none of them. */
  hang(): void;
}

interface Browser {
  readonly name: string;
  readonly vapidPublicKey: string;
  readonly keys: ECDH;
  readonly auth: Buffer;
  readonly answers: Answer[];
}

export async function startPushService(): Promise<PushService> {
  const browsers = new Map<string, Browser>();
  const messages: PushedMessage[] = [];
  const requests: string[] = [];
  const problems: string[] = [];
  const take = async (request: IncomingMessage): Promise<Answer> => {
    const browser = browsers.get(request.url ?? '');
    const body = await buffer(request);
    requests.push(browser?.name ?? `nobody at ${request.url ?? ''}`);
    if (isHanging) return { status: 504 };
    if (!browser) return { status: 404 };
    const answer = browser.answers.shift();
    if (answer) return answer;
    try {
      messages.push(await read(request, body, browser, origin));
      return { status: 201 };
    } catch (error) {
      problems.push(String(error));
      return { status: 400 };
    }
  };
  let isHanging = false;
  const server = createServer((request, response) => {
    void take(request).then(({ status, headers = {} }) => {
      if (!isHanging) response.writeHead(status, headers).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ origin, messages, requests, problems },
    subscribe(name, vapidPublicKey) {
      const path = `/push/${name}/${randomBytes(9).toString('base64url')}`;
      const keys = createECDH('prime256v1');
      keys.generateKeys();
      const auth = randomBytes(16);
      browsers.set(path, { name, vapidPublicKey, keys, auth, answers: [] });
      return {
        endpoint: origin + path,
        keys: { p256dh: keys.getPublicKey('base64url'), auth: auth.toString('base64url') },
      };
    },
    answer(name, ...answers) {
      for (const browser of browsers.values())
        if (browser.name === name) browser.answers.push(...answers);
    },
    hang: () => {
      isHanging = true;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function read(
  { headers }: IncomingMessage,
  body: Buffer,
  browser: Browser,
  origin: string,
): Promise<PushedMessage> {
  await checkSender(headers.authorization ?? '', browser.vapidPublicKey, origin);
  if (headers['content-encoding'] !== 'aes128gcm') throw new Error('not in aes128gcm');
  const header = (name: string): string => headers[name] as string;
  return {
    browser: browser.name,
    data: JSON.parse(decrypt(body, browser).toString()) as unknown,
    ...{ ttl: header('ttl'), urgency: header('urgency'), topic: header('topic') },
  };
}

const DAY_S = 24 * 3600;

/** Signed by whom the browser subscribed for, to this push service, for not longer than a day. */
async function checkSender(authorization: string, publicKey: string, origin: string) {
  const [, token = '', key = ''] = /^vapid t=([^,]+), k=(.+)$/.exec(authorization) ?? [];
  if (key !== publicKey) throw new Error(`signed with ${key}, subscribed for ${publicKey}`);
  const point = Buffer.from(key, 'base64url');
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((n) => n.toString('base64url'));
  const jwk = await importJWK({ kty: 'EC', crv: 'P-256', x: x!, y: y! }, 'ES256');
  const { payload } = await jwtVerify(token, jwk, { algorithms: ['ES256'], audience: origin });
  const secondsLeft = (payload.exp ?? Infinity) - (payload.iat ?? currentSeconds());
  if (secondsLeft > DAY_S) throw new Error(`valid for ${secondsLeft} s`);
  if (!/^(mailto:|https:)/.test(payload.sub ?? '')) throw new Error('no subject');
}

const currentSeconds = (): number => Math.floor(Date.now() / 1000);

/** One record: salt, record size, the sender's public key, then ciphertext and tag. */
function decrypt(body: Buffer, { keys, auth }: Browser): Buffer {
  const salt = body.subarray(0, 16);
  const keyLength = body.readUInt8(20);
  const sender = body.subarray(21, 21 + keyLength);
  const sealed = body.subarray(21 + keyLength);
  if (sealed.length > body.readUInt32BE(16)) throw new Error('more than one record');
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), keys.getPublicKey(), sender]);
  const secret = derive(keys.computeSecret(sender), auth, info, 32);
  const key = derive(secret, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 16);
  const nonce = derive(secret, salt, Buffer.from('Content-Encoding: nonce\0'), 12);
  const decipher = createDecipheriv('aes-128-gcm', key, nonce);
  decipher.setAuthTag(sealed.subarray(-16));
  const padded = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  const end = padded.lastIndexOf(2);
  if (padded.subarray(end + 1).some((byte) => byte !== 0)) throw new Error('badly padded');
  return padded.subarray(0, end);
}

function derive(secret: Buffer, salt: Buffer, info: Buffer, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, length));
}
