import type uWS from 'uWebSockets.js';
import type { Socket, SocketListener, UpgradeAnswer } from './socket-server.ts';

/** uWebSockets.js copies the members of what it is given, so what changes sits one level deeper. */
export interface UserData {
  readonly connection: Connection;
}

export type UwsSocket = uWS.WebSocket<UserData>;

/** What `getUserData` does, without leaving JavaScript. */
export const connectionOf = (ws: UwsSocket): Connection => (ws as UwsSocket & UserData).connection;

const SENT = 1;

const NOBODY: SocketListener = {
  onMessage: () => undefined,
  onPing: () => undefined,
  onDrain: () => undefined,
  onClose: () => undefined,
};

/** One WebSocket. uWebSockets.js throws on any use of a closed one; here nothing happens then. */
export class Connection implements Socket {
  readonly #open: UpgradeAnswer['open'];
  #ws: UwsSocket | undefined;
  listener: SocketListener = NOBODY;

  constructor(open: UpgradeAnswer['open']) {
    this.#open = open;
  }

  opened(ws: UwsSocket): void {
    this.#ws = ws;
    this.listener = this.#open(this);
    // Whoever opened it may have refused it at once.
    if (!this.#isOpen()) this.listener.onClose();
  }

  closed(): void {
    this.#ws = undefined;
    this.listener.onClose();
  }

  #isOpen(): boolean {
    return this.#ws !== undefined;
  }

  send(message: Uint8Array, isBinary: boolean): boolean {
    return this.#ws === undefined || this.#ws.send(message, isBinary, false) === SENT;
  }

  bufferedBytes(): number {
    return this.#ws?.getBufferedAmount() ?? 0;
  }

  cork(task: () => void): void {
    this.#ws?.cork(task);
  }

  end(code: number, reason: string): void {
    const ws = this.#ws;
    this.#ws = undefined;
    ws?.end(code, reason);
  }
}
