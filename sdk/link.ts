/**
 * Keeps a connection: opens one, opens another when it breaks or its gateway goes away, and stops when nothing but
 * somebody's action would help.
 *
 * There may be two at a time. The `current` one is what the view lives from. The `next` one is being made, and takes
 * over once its snapshot is complete: until then a gateway that goes away goes on serving.
 */
import type { Clock, Timer } from './clock.ts';
import { backoffMs, type Backoff } from './backoff.ts';
import { mayReconnect, NORMAL, type Closing } from './close-codes.ts';
import { Connection, type ConnectionListener } from './connection.ts';
import type { ClientFrame } from './frames.ts';
import { openSocket, type SocketConstructor } from './socket.ts';

/** Returns a token; asked before every connection. */
export type TokenProvider = () => string | Promise<string>;

export interface LinkOptions {
  /** Taken in turn. */
  readonly urls: readonly string[];
  readonly token: TokenProvider;
  readonly device: string | undefined;
  readonly socketConstructor: () => SocketConstructor;
  readonly clock: Clock;
  readonly backoff: Backoff;
  /** How long the token may take, and how long the handshake, ms. */
  readonly openTimeoutMs: number;
  readonly isIdle: () => boolean;
  readonly listener: LinkListener;
}

export interface LinkListener extends Omit<
  ConnectionListener,
  'onState' | 'onClosed' | 'onGoingAway'
> {
  /** A connection is about to be opened. */
  onOpening(): void;
  /** Another connection has taken over. */
  onTakenOver(): void;
  /** A connection was lost, or could not be made; it will be tried again. */
  onLost(closing: Closing): void;
  /** Anything that `state` and `isStale` tell may have changed. */
  onStatus(): void;
  /** It will not reconnect by itself. */
  onClosed(closing: Closing): void;
}

export type LinkState =
  /** `connect` has not been called. */
  | 'idle'
  /** A connection is being made, and there is no other. */
  | 'connecting'
  | 'online'
  /** For the next attempt. */
  | 'waiting'
  /** Until `connect` is called. */
  | 'closed';

/** What leads to the next connection: a pause, then a token, then the connection itself. */
interface Pursuit {
  readonly isPause: boolean;
  readonly connection?: Connection;
  cancel(): void;
}

/** A connection that lasted this long was a good one: the next wait is short again. */
const STABLE_MS = 5000;
const LOGOUT_TIMEOUT_MS = 2000;
const LOGGED_OUT: Closing = { code: NORMAL, reason: 'logged out' };

export class Link {
  readonly #options: LinkOptions;
  #current: Connection | undefined;
  #pursuit: Pursuit | undefined;
  #closing: Closing | undefined;
  #onlineSinceMs = 0;
  #failures = 0;
  #turn: number;
  /** Said goodbye; gives up waiting for the answer. */
  #leaving: Timer | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#turn = Math.floor(options.clock.random() * options.urls.length);
  }

  get state(): LinkState {
    if (this.#current) return 'online';
    if (this.#pursuit) return this.#pursuit.isPause ? 'waiting' : 'connecting';
    return this.#closing ? 'closed' : 'idle';
  }

  /** Why it is closed. */
  get closing(): Closing | undefined {
    return this.state === 'closed' ? this.#closing : undefined;
  }

  /** True unless every change arrives. */
  get isStale(): boolean {
    return this.#current?.state !== 'synced';
  }

  /** Nothing happens where it is connected, or about to be. */
  open(): void {
    if (this.state !== 'idle' && this.state !== 'closed') return;
    this.#failures = 0;
    this.#ask();
  }

  close(closing: Closing = { code: NORMAL, reason: 'closed here' }): void {
    const wasOpen = this.#current !== undefined || this.#pursuit !== undefined;
    this.#leaving?.cancel();
    this.#leaving = undefined;
    this.#pursue(undefined);
    this.#current?.close();
    this.#current = undefined;
    if (!wasOpen) return;
    this.#closing = closing;
    this.#options.listener.onStatus();
    this.#options.listener.onClosed(closing);
  }

  /** Says goodbye, so that the user is offline at once. The gateway closes then. */
  logout(): void {
    const told = this.#connections().filter((connection) => connection.isWelcome);
    for (const connection of told) connection.send({ logout: {} });
    if (told.length === 0) return this.close(LOGGED_OUT);
    this.#leaving ??= this.#options.clock.after(LOGOUT_TIMEOUT_MS, () => this.close(LOGGED_OUT));
  }

  /** Something suggests that it is worth a try now. */
  wake(): void {
    if (this.#current) this.#current.beat();
    else if (this.#pursuit?.isPause) this.#ask();
  }

  /** A heartbeat now, because something is to be told by it. */
  beat(): void {
    for (const connection of this.#connections()) connection.beat();
  }

  /** False when there is no session that would act on it. */
  send(frame: ClientFrame): boolean {
    const connection = this.#connections().find(({ isWelcome }) => isWelcome);
    connection?.send(frame);
    return connection !== undefined;
  }

  /** The current one first. */
  #connections(): Connection[] {
    return [this.#current, this.#pursuit?.connection].filter((one) => one !== undefined);
  }

  #pursue(pursuit: Pursuit | undefined): void {
    this.#pursuit?.cancel();
    this.#pursuit = pursuit;
  }

  #pause(delayMs: number): void {
    const timer = this.#options.clock.after(delayMs, () => this.#ask());
    this.#pursue({ isPause: true, cancel: () => timer.cancel() });
    this.#options.listener.onStatus();
  }

  #pauseAfterFailure(): void {
    const { backoff, clock } = this.#options;
    this.#pause(backoffMs(this.#failures++, backoff, clock.random()));
  }

  /** For a token. */
  #ask(): void {
    const { clock, listener, openTimeoutMs, token } = this.#options;
    const asking = { isPause: false, cancel: () => timer.cancel() };
    const failed = (problem: string): void => {
      if (this.#pursuit !== asking) return;
      listener.onError('CONNECT', problem);
      this.#pauseAfterFailure();
    };
    const timer = clock.after(openTimeoutMs, () => failed('the token did not come in time'));
    this.#pursue(asking);
    listener.onStatus();
    promised(token)
      .then((value) => {
        if (this.#pursuit === asking) this.#connect(value);
      })
      .catch((error: unknown) => failed(error instanceof Error ? error.message : String(error)));
  }

  #connect(token: string): void {
    const { socketConstructor, device, listener, urls } = this.#options;
    const url = urls[this.#turn++ % urls.length] ?? '';
    const socket = openSocket(socketConstructor(), { url, token, device });
    listener.onOpening();
    const connection = new Connection({
      ...this.#options,
      socket,
      listener: { ...listener, ...this.#connectionListener() },
    });
    this.#pursue({ isPause: false, connection, cancel: () => connection.close() });
  }

  #connectionListener() {
    return {
      onState: (connection: Connection) => this.#stateChanged(connection),
      onGoingAway: (connection: Connection, reconnectAfterMs: number) => {
        if (connection === this.#current && !this.#pursuit) this.#pause(reconnectAfterMs);
      },
      onClosed: (connection: Connection, closing: Closing) => this.#closed(connection, closing),
    };
  }

  #stateChanged(connection: Connection): void {
    if (connection.state === 'synced' && connection === this.#pursuit?.connection) {
      const former = this.#current;
      this.#current = connection;
      this.#pursuit = undefined;
      this.#onlineSinceMs = this.#options.clock.monotonic();
      former?.close();
      this.#options.listener.onTakenOver();
    }
    this.#options.listener.onStatus();
  }

  #closed(connection: Connection, closing: Closing): void {
    if (this.#leaving) return this.close(LOGGED_OUT);
    if (!mayReconnect(closing)) return this.close(closing);
    this.#options.listener.onLost(closing);
    if (connection === this.#current) this.#lostCurrent();
    else this.#pauseAfterFailure();
  }

  #lostCurrent(): void {
    const { clock, listener } = this.#options;
    this.#current = undefined;
    if (clock.monotonic() - this.#onlineSinceMs >= STABLE_MS) this.#failures = 0;
    if (this.#pursuit) listener.onStatus();
    else this.#pauseAfterFailure();
  }
}

/** A provider may throw, too. */
async function promised(token: TokenProvider): Promise<string> {
  return token();
}
