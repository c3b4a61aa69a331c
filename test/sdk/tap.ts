/** Real WebSockets that a test can get at: kill one, stop it from hearing, lose a frame. */
import { WebSocket } from 'ws';

export interface Tap {
  /** For the client. */
  readonly WebSocket: new (url: string, protocols: string) => WebSocket;
  readonly sockets: readonly WebSocket[];
  /** Loses the next message that contains the words, on its way to the client. */
  lose(words: string): void;
  /** Lost so far. */
  readonly lost: number;
}

export function createTap(): Tap {
  const sockets: WebSocket[] = [];
  let toLose: string | undefined;
  let lost = 0;
  const isLost = (name: string | symbol, data: unknown): boolean => {
    if (name !== 'message' || toLose === undefined || !String(data).includes(toLose)) return false;
    toLose = undefined;
    lost++;
    return true;
  };
  class TappedSocket extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols);
      sockets.push(this);
    }

    override emit(name: string | symbol, ...values: unknown[]): boolean {
      return isLost(name, values[0]) || super.emit(name, ...values);
    }
  }
  return {
    WebSocket: TappedSocket,
    sockets,
    lose: (words) => (toLose = words),
    get lost() {
      return lost;
    },
  };
}
