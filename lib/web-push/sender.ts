/** Writes one message to one browser, by way of its push service: encrypted (RFC 8291) and signed (RFC 8292). */
import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import webPush from 'web-push';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import { endpointProblem, isLoopback, isPublicAddress, type Subscription } from './subscription.ts';
import type { VapidKeys } from './vapid.ts';

export interface PushMessage {
  readonly subscription: Subscription;
  readonly payload: string;
  /** How long the push service keeps it for a browser that is away, s. */
  readonly ttlS: number;
  readonly urgency: 'very-low' | 'low' | 'normal' | 'high';
  /** A message that waits is replaced by a later one of the same topic; at most 32 of A-Z a-z 0-9 _ -. */
  readonly topic: string;
}

/** What became of a try. */
export type PushOutcome =
  | { readonly kind: 'ACCEPTED' }
  /** The browser has ended the subscription: nothing sent to it ever arrives. */
  | { readonly kind: 'GONE' }
  | PushedLater
  /** It will not be taken another time either. */
  | { readonly kind: 'REFUSED'; readonly problem: string };

/** Not now. */
export interface PushedLater {
  readonly kind: 'LATER';
  readonly problem: string;
  /** When the push service said so, ms. */
  readonly afterMs?: number | undefined;
  /** No answer came: the push service may have taken it all the same. */
  readonly mayHaveArrived: boolean;
}

export interface PushSender extends Disposable {
  /** One try. Never rejects. */
  send(message: PushMessage, signal?: AbortSignal): Promise<PushOutcome>;
}

export interface PushSenderOptions {
  readonly keys: VapidKeys;
  readonly clock: Clock;
  /** How names become addresses; default: as this machine does it. */
  readonly resolve?: Resolve;
}

export type Resolve = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** For everything from the name's look-up to the answer, ms. */
const TIMEOUT_MS = 10_000;
/** Nobody needs to read what a push service says. */
const MAX_ANSWER_BYTES = 64 * 1024;

export function createPushSender(options: PushSenderOptions): PushSender {
  const { keys, clock, resolve = lookup } = options;
  const agents = {
    plain: new HttpAgent({ keepAlive: true }),
    secure: new HttpsAgent({ keepAlive: true, lookup: publicLookup(resolve) }),
  };
  return {
    async send(message, signal) {
      const { endpoint } = message.subscription;
      // Whether this machine may be written to at all is decided where subscriptions come in.
      const problem = endpointProblem(endpoint, { allowLoopback: true });
      if (problem) return { kind: 'REFUSED', problem };
      try {
        const response = await post(agents, encrypted(message, keys), clock, signal);
        return outcomeOf(response, clock.now());
      } catch (error) {
        const isRefused = error instanceof EncryptionError || error instanceof NotPublicError;
        const words = { problem: messageOf(error) };
        return isRefused
          ? { kind: 'REFUSED', ...words }
          : { kind: 'LATER', ...words, mayHaveArrived: true };
      }
    },
    [Symbol.dispose]() {
      agents.plain.destroy();
      agents.secure.destroy();
    },
  };
}

class EncryptionError extends Error {
  override readonly name = 'EncryptionError';
}

class NotPublicError extends Error {
  override readonly name = 'NotPublicError';
}

interface Encrypted {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

function encrypted({ subscription, ...message }: PushMessage, keys: VapidKeys): Encrypted {
  const { endpoint, ...secrets } = subscription;
  try {
    const { headers, body } = webPush.generateRequestDetails(
      { endpoint, keys: secrets },
      message.payload,
      { vapidDetails: keys, TTL: message.ttlS, urgency: message.urgency, topic: message.topic },
    );
    return { endpoint, headers: headers, body };
  } catch (error) {
    throw new EncryptionError(messageOf(error), { cause: error });
  }
}

interface Agents {
  readonly plain: HttpAgent;
  readonly secure: HttpsAgent;
}

/** Redirects are not followed: they would lead past the look at where it goes. */
function post(
  { plain, secure }: Agents,
  { endpoint, headers, body }: Encrypted,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolveWith, reject) => {
    const settings = { method: 'POST', headers, signal };
    const request = isLoopback(endpoint)
      ? httpRequest(endpoint, { ...settings, agent: plain })
      : httpsRequest(endpoint, { ...settings, agent: secure });
    const timer = clock.after(TIMEOUT_MS, () =>
      request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)),
    );
    request.on('response', (response) => {
      discard(response);
      response.on('end', () => resolveWith(response));
    });
    request.on('error', reject);
    request.on('close', () => {
      timer.cancel();
      reject(new Error('the push service broke the connection'));
    });
    request.end(body);
  });
}

function discard(response: IncomingMessage): void {
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) response.destroy();
  });
}

/** A public name may have a private address: looked at where the connection is made, so that it cannot change since. */
function publicLookup(resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const allowed = addresses.filter(({ address }) => isPublicAddress(address));
      const [first] = allowed;
      if (!first) return callback(new NotPublicError(`${hostname} has no public address`), []);
      if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

function outcomeOf({ statusCode = 0, headers }: IncomingMessage, nowMs: number): PushOutcome {
  const problem = `answered ${statusCode}`;
  if (statusCode >= 200 && statusCode < 300) return { kind: 'ACCEPTED' };
  if (statusCode === 404 || statusCode === 410) return { kind: 'GONE' };
  if (statusCode === 429 || statusCode >= 500) {
    const afterMs = retryAfterMs(headers['retry-after'], nowMs);
    return { kind: 'LATER', problem, afterMs, mayHaveArrived: false };
  }
  return { kind: 'REFUSED', problem };
}

/** Seconds, or a date. */
function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
