/** A plain WebSocket client in JSON, as docs/protocol.md asks of one: it beats, keeps a view, and finds gaps. */
import { WebSocket } from 'ws';
import { systemClock as clock } from '../../lib/clock.ts';
import { createClientView, type WireFrame, type WirePresence } from './client-view.ts';
import { eventually } from './eventually.ts';

export interface EdgeClient extends Disposable {
  readonly userId: string;
  readonly frames: readonly WireFrame[];
  /** What the client believes of others. */
  readonly view: ReadonlyMap<string, WirePresence>;
  /** Gaps in the running number. */
  readonly gaps: number;
  /** Set once the socket has closed. */
  readonly closed: { code: number; reason: string } | undefined;
  send(frame: object): void;
  sendRaw(data: string | Uint8Array): void;
  /** Closes cleanly; heartbeats stop. */
  close(): void;
  /** Cuts the connection without a closing handshake. */
  cut(): void;
  /** Stops beating; the socket stays open. */
  freeze(): void;
  statusOf(userId: string): string | undefined;
  /** Resolves once the client sees the user with this status. */
  sees(userId: string, status: string, timeoutMs?: number): Promise<WirePresence>;
  /** Resolves with the close code. */
  whenClosed(): Promise<number>;
}

export interface ConnectOptions {
  /** Default 1,000. */
  readonly heartbeatMs?: number;
  /** Default `dev:<userId>`. */
  readonly token?: string;
}

/** Resolves when the first snapshot is complete. */
export async function connect(
  address: string,
  userId: string,
  options: ConnectOptions = {},
): Promise<EdgeClient> {
  const client = open(address, userId, options);
  const hasView = (): boolean => client.frames.some(({ snapshot }) => snapshot?.last);
  await eventually(() => hasView() || client.closed !== undefined);
  if (hasView()) return client;
  throw new Error(`closed with ${client.closed?.code} ${client.closed?.reason}`);
}

export function open(address: string, userId: string, options: ConnectOptions = {}): EdgeClient {
  const token = encodeURIComponent(options.token ?? `dev:${userId}`);
  const socket = new WebSocket(`ws://${address}/v1/ws?access_token=${token}`);
  const frames: WireFrame[] = [];
  const state = createClientView();
  let closed: { code: number; reason: string } | undefined;

  const onFrame = (frame: WireFrame): void => {
    frames.push(frame);
    state.apply(frame);
  };
  socket.on('message', (data) => onFrame(JSON.parse((data as Buffer).toString()) as WireFrame));
  socket.on('error', () => undefined);
  socket.on('close', (code, reason) => {
    closed = { code, reason: reason.toString() };
    beating.cancel();
  });
  const send = (frame: object): void => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  };
  const beating = clock.every(options.heartbeatMs ?? 1000, () => send({ heartbeat: {} }));
  return {
    userId,
    frames,
    view: state.view,
    get gaps() {
      return state.gaps;
    },
    get closed() {
      return closed;
    },
    send,
    sendRaw: (data) => socket.send(data),
    close: () => socket.close(1000),
    cut: () => {
      beating.cancel();
      socket.terminate();
    },
    freeze: () => beating.cancel(),
    statusOf: (id) => state.view.get(id)?.status,
    sees: (id, status, timeoutMs) =>
      eventually(
        () => {
          const seen = state.view.get(id);
          if (seen?.status === status) return seen;
          throw new Error(`${userId} sees ${id} ${seen?.status ?? 'not at all'}, not ${status}`);
        },
        timeoutMs === undefined ? {} : { timeoutMs },
      ),
    whenClosed: () => eventually(() => closed?.code ?? Promise.reject(new Error('still open'))),
    [Symbol.dispose]: () => {
      beating.cancel();
      socket.terminate();
    },
  };
}
