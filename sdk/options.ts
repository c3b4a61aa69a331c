/** What a client is made of; only `url` and `token` have to be given. */
import type { Backoff } from './backoff.ts';
import { browserActivity, browserWakeUps } from './browser.ts';
import { systemClock, type Clock } from './clock.ts';
import type { TokenProvider } from './link.ts';
import type { Signal } from './signal.ts';
import { defaultSocketConstructor, type SocketConstructor } from './socket.ts';

export interface PresenceClientOptions {
  /**
   * Where the gateways are: `wss://host`, `https://host` or with a path of your own; without one `/v1/ws` is added.
   * Of several, each attempt takes the next.
   */
  readonly url: string | readonly string[];
  /** The token, or a function that is asked before every connection, and so can renew it. */
  readonly token: string | TokenProvider;
  /** Shown to operators; at most 64 bytes of printable characters. */
  readonly device?: string;
  /** Default: the global one. In Node before 22, that of the package `ws`. */
  readonly WebSocket?: SocketConstructor;
  /** No sign of activity for this long makes the status AWAY, ms. Default 300,000. */
  readonly idleAfterMs?: number;
  /**
   * Signs that somebody is at the device. Default: mouse, keys, touch and the page coming to the front in a browser;
   * none elsewhere: active until `setIdle(true)`.
   */
  readonly activity?: Signal;
  /** Moments to try again at once. Default: the network or the page coming back in a browser; none elsewhere. */
  readonly wakeUps?: Signal;
  /** The wait before a reconnect is random, up to a bound that doubles. Default 500 ms up to 30,000 ms. */
  readonly backoff?: Partial<Backoff>;
  /** How long a token, and how long a handshake may take, ms. Default 10,000. */
  readonly openTimeoutMs?: number;
  /** Default: the real one. */
  readonly clock?: Clock;
}

export interface Settings {
  readonly urls: readonly string[];
  readonly token: TokenProvider;
  readonly device: string | undefined;
  /** @throws TypeError where there is none */
  readonly socketConstructor: () => SocketConstructor;
  readonly idleAfterMs: number;
  readonly signs: Signal | undefined;
  readonly wakeUps: Signal | undefined;
  readonly backoff: Backoff;
  readonly openTimeoutMs: number;
  readonly clock: Clock;
}

/** The gateway refuses a longer one. */
const MAX_DEVICE_BYTES = 64;
/** As the gateway has it: control characters, separators of lines, halves of characters, controls of direction. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/u;
/** A timer that is set for longer rings at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** @throws TypeError that names what is wrong */
export function settingsOf(options: PresenceClientOptions): Settings {
  const { baseMs = 500, maxMs = 30_000 } = options.backoff ?? {};
  return {
    urls: checkedUrls(options.url),
    token: tokenProvider(options.token),
    device: checkedDevice(options.device),
    socketConstructor: () => options.WebSocket ?? defaultSocketConstructor(),
    idleAfterMs: checkedMs('idleAfterMs', options.idleAfterMs ?? 300_000),
    signs: options.activity ?? browserActivity(),
    wakeUps: options.wakeUps ?? browserWakeUps(),
    backoff: {
      baseMs: checkedMs('backoff.baseMs', baseMs),
      maxMs: checkedMs('backoff.maxMs', maxMs),
    },
    openTimeoutMs: checkedMs('openTimeoutMs', options.openTimeoutMs ?? 10_000),
    clock: options.clock ?? systemClock,
  };
}

/** What a program without types may have passed. */
function checkedUrls(url: string | readonly string[] | undefined): readonly string[] {
  const urls = [url].flat();
  if (urls.length === 0) throw new TypeError('url: the list is empty; give one gateway at least');
  return urls.map(checkedUrl);
}

function checkedUrl(url: string | undefined): string {
  if (url !== undefined && /^(ws|http)s?:/.test(url) && parses(url)) return url;
  throw new TypeError(
    `url: ${JSON.stringify(url)} is none; give one like wss://presence.example.com`,
  );
}

/** As `URL.canParse`, which browsers before 2024 may not have. */
function parses(url: string): boolean {
  try {
    return new URL(url).host !== '';
  } catch {
    return false;
  }
}

function tokenProvider(token: string | TokenProvider | undefined): TokenProvider {
  if (typeof token === 'function') return token;
  if (typeof token === 'string' && token !== '') return () => token;
  throw new TypeError('token: there is none; give a string, or a function that returns one');
}

function checkedDevice(device: string | undefined): string | undefined {
  if (device === undefined) return device;
  const isTooLong = new TextEncoder().encode(device).length > MAX_DEVICE_BYTES;
  if (!isTooLong && !UNPRINTABLE.test(device)) return device;
  const problem = isTooLong
    ? `is longer than ${MAX_DEVICE_BYTES} bytes`
    : 'has a character that cannot be printed';
  throw new TypeError(`device: ${JSON.stringify(device)} ${problem}`);
}

function checkedMs(name: string, ms: number): number {
  if (ms >= 0 && ms <= MAX_TIMER_MS) return ms;
  throw new TypeError(`${name}: ${ms} is no time in ms; give 0 to ${MAX_TIMER_MS}`);
}
