/** What a client got, byte for byte: messages of a WebSocket, everything that came over a TCP connection. */
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.ts';

/** Bytes by channel, in the order they came. A channel is one connection. */
export type Recording = Map<string, Buffer[]>;

export interface RecordedSocket {
  send(data: string | Uint8Array): void;
  /** Resolves when all that was sent has been received, and all that was on its way here has come. */
  roundTrip(): Promise<void>;
  close(): Promise<void>;
  /** Cuts the connection without a closing handshake. */
  cut(): void;
}

/** Each message is kept with whether it was binary; the close with its code. */
export async function recordWebSocket(
  url: string,
  subprotocol: string,
  received: (bytes: Buffer) => void,
): Promise<RecordedSocket> {
  const socket = new WebSocket(url, subprotocol);
  let isClosed = false;
  socket.on('message', (data, isBinary) => {
    received(Buffer.concat([Buffer.from(isBinary ? 'binary ' : 'text '), data as Buffer]));
  });
  socket.on('error', () => undefined);
  socket.on('close', (code, reason) => {
    isClosed = true;
    received(Buffer.from(`close ${code} ${reason.toString()}`));
  });
  await new Promise((resolve) => socket.once('open', resolve));
  const closed = (): Promise<void> =>
    eventually(() => {
      if (!isClosed) throw new Error('still open');
    });
  return {
    send: (data) => socket.send(data),
    roundTrip: () =>
      new Promise((resolve) => {
        if (socket.readyState !== WebSocket.OPEN) return resolve();
        socket.once('pong', () => resolve());
        socket.once('close', () => resolve());
        socket.ping();
      }),
    async close() {
      socket.close(1000);
      await closed();
    },
    cut: () => socket.terminate(),
  };
}

export interface RecordedHttp {
  /** Closes the connection. */
  close(): void;
}

const CRLF = '\r\n';

/** Asks and keeps the connection. All that comes is kept, but the date of today. */
export function recordHttp(
  port: number,
  path: string,
  received: (bytes: Buffer) => void,
): RecordedHttp {
  const socket = request(port, path, 'keep-alive');
  socket.on('data', (chunk) => received(undated(chunk)));
  return { close: () => void socket.destroy() };
}

/** Asks once; resolves with the whole answer, head and all but the date of today. */
export async function askOnce(port: number, path: string): Promise<Buffer> {
  const socket = request(port, path, 'close');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await new Promise((resolve) => socket.once('close', resolve));
  return undated(Buffer.concat(chunks));
}

/** uWebSockets.js dates its answers by the machine's clock. */
function undated(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replace(/^Date: .*$/m, 'Date: -'), 'latin1');
}

function request(port: number, path: string, connection: string): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const head = [`GET ${path} HTTP/1.1`, 'Host: mesh', `Connection: ${connection}`];
  socket.write([...head, '', ''].join(CRLF));
  return socket;
}
