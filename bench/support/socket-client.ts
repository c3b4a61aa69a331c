/**
 * A WebSocket client on a bare TCP socket: about 1 KB and 1 µs of JavaScript a message less than a full one, so that
 * thousands fit beside what is measured.
 */
import { connect, type Socket } from 'node:net';
import { createMessageParser, encodePong, type SocketMessage } from './socket-frames.ts';

export interface SocketClientOptions {
  readonly port: number;
  readonly userId: string;
  /** Payload of each message; a view, valid during the call. */
  readonly onMessage: (payload: Buffer) => void;
  /** The server closed: why, as far as it said. */
  readonly onClose: (reason: string) => void;
}

export interface SocketClient {
  /** Writes an encoded frame. */
  readonly send: (frame: Buffer) => void;
  readonly close: () => void;
}

const HEAD_END = '\r\n\r\n';
const SUBPROTOCOL = 'presence.v1+proto';
/** Servers only echo a hash of it. */
const KEY = 'cHJlc2VuY2UtbWVzaC1iZQ==';

/** Resolves once the server has upgraded the connection. */
export function openSocket(options: SocketClientOptions): Promise<SocketClient> {
  const { port, onMessage, onClose } = options;
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const parse = createMessageParser((message) => receive(socket, message, onMessage, onClose));
  let closing = false;
  return new Promise((resolve, reject) => {
    let head: Buffer | undefined = Buffer.alloc(0);
    socket.once('connect', () => socket.write(upgradeRequest(options)));
    socket.once('error', (error) => {
      if (head) reject(error);
    });
    socket.once('close', () => {
      if (head) reject(new Error(`port ${port} closed during the upgrade`));
      else if (!closing) onClose('connection lost');
    });
    socket.on('data', (chunk) => {
      if (!head) return parse(chunk);
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf(HEAD_END);
      if (end < 0) return;
      const rest = head.subarray(end + HEAD_END.length);
      if (!head.toString('latin1').startsWith('HTTP/1.1 101')) {
        return void socket.destroy(new Error(`the upgrade was refused: ${head.toString()}`));
      }
      head = undefined;
      resolve({
        send: (frame) => void socket.write(frame),
        close: () => {
          closing = true;
          socket.destroy();
        },
      });
      if (rest.length > 0) parse(rest);
    });
  });
}

function receive(
  socket: Socket,
  message: SocketMessage,
  onMessage: (payload: Buffer) => void,
  onClose: (reason: string) => void,
): void {
  if (message.kind === 'close') onClose(`close code ${message.code}`);
  else if (message.kind === 'ping') socket.write(encodePong(message.payload));
  else onMessage(message.payload);
}

function upgradeRequest({ port, userId }: SocketClientOptions): string {
  return [
    `GET /v1/ws?access_token=dev:${userId} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${KEY}`,
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
    HEAD_END.slice(2),
  ].join('\r\n');
}
