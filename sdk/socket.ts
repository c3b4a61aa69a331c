/** The port to a WebSocket: the browser's own, Node's from 22 on, or that of the package `ws`. */
import { SUBPROTOCOL } from './frames.ts';

/** The part of the standard's WebSocket that is used. */
export interface SocketLike {
  readonly readyState: number;
  send(data: string): void;
  close(code?: number): void;
  /** Of `ws`: gives up a connection that is dead, without the closing handshake. */
  terminate?(): void;
  addEventListener(type: 'open', listener: () => void): void;
  addEventListener(type: 'error', listener: (event: { readonly message?: string }) => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: SocketClosing) => void): void;
}

export interface SocketClosing {
  readonly code: number;
  readonly reason: string;
}

export type SocketConstructor = new (url: string, protocols: string) => SocketLike;

export const OPEN = 1;

export function defaultSocketConstructor(): SocketConstructor {
  const { WebSocket } = globalThis as { WebSocket?: SocketConstructor };
  if (WebSocket) return WebSocket;
  throw new TypeError(
    'There is no global WebSocket here: pass one, as in ' +
      "import { WebSocket } from 'ws'; createPresenceClient({ WebSocket, … })",
  );
}

export interface Target {
  /** ws, wss, http or https; `/v1/ws` is added where there is no path. */
  readonly url: string;
  readonly token: string;
  readonly device?: string | undefined;
}

export function openSocket(Socket: SocketConstructor, target: Target): SocketLike {
  return new Socket(addressOf(target), SUBPROTOCOL);
}

/** Browsers cannot set headers on a WebSocket, so the token is in the query. */
function addressOf({ url, token, device }: Target): string {
  const address = new URL(url);
  address.protocol = address.protocol.replace('http', 'ws');
  if (address.pathname === '/') address.pathname = '/v1/ws';
  address.searchParams.set('access_token', token);
  if (device !== undefined) address.searchParams.set('device', device);
  return address.href;
}
