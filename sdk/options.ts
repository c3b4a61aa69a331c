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
  /** Shown to operators; at most 64 bytes. */
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
  readonly WebSocket: SocketConstructor;
  readonly idleAfterMs: number;
  readonly signs: Signal | undefined;
  readonly wakeUps: Signal | undefined;
  readonly backoff: Backoff;
  readonly openTimeoutMs: number;
  readonly clock: Clock;
}

/** @throws TypeError that names what is wrong */
export function settingsOf(options: PresenceClientOptions): Settings {
  const { token } = options;
  return {
    urls: [options.url].flat().map(checkedUrl),
    token: typeof token === 'string' ? () => token : token,
    device: options.device,
    WebSocket: options.WebSocket ?? defaultSocketConstructor(),
    idleAfterMs: options.idleAfterMs ?? 300_000,
    signs: options.activity ?? browserActivity(),
    wakeUps: options.wakeUps ?? browserWakeUps(),
    backoff: { baseMs: 500, maxMs: 30_000, ...options.backoff },
    openTimeoutMs: options.openTimeoutMs ?? 10_000,
    clock: options.clock ?? systemClock,
  };
}

function checkedUrl(url: string): string {
  if (/^(ws|http)s?:\/\/./.test(url)) return url;
  throw new TypeError(
    `url: ${JSON.stringify(url)} is none; give one like wss://presence.example.com`,
  );
}
