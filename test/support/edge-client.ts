/** A plain WebSocket client in JSON, as docs/protocol.md asks of one: it beats, keeps a view, and finds gaps. */
import { WebSocket } from 'ws';
import { systemClock as clock } from '../../lib/clock.ts';
import { eventually } from './eventually.ts';

export interface WirePresence {
  readonly userId: string;
  readonly status: string;
  readonly lastActive?: string;
  readonly version?: string;
  readonly mode?: string;
}

/** One server frame in JSON: `n` and one member. */
export interface WireFrame {
  readonly n?: string;
  readonly welcome?: { sessionId: string; userId: string; chosen?: string };
  readonly snapshot?: { presences?: WirePresence[]; last?: boolean };
  readonly update?: { presences: WirePresence[] };
  readonly removed?: { userIds: string[] };
  readonly ack?: object;
  readonly error?: { code: string; message: string };
  readonly goingAway?: { reconnectAfter: string };
}

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
  await eventually(() => {
    if (client.closed) throw new Error(`closed with ${client.closed.code} ${client.closed.reason}`);
    return client.frames.some(({ snapshot }) => snapshot?.last);
  });
  return client;
}

export function open(address: string, userId: string, options: ConnectOptions = {}): EdgeClient {
  const token = encodeURIComponent(options.token ?? `dev:${userId}`);
  const socket = new WebSocket(`ws://${address}/v1/ws?access_token=${token}`);
  const frames: WireFrame[] = [];
  const view = new Map<string, WirePresence>();
  let snapshot: Map<string, WirePresence> | undefined;
  let sinceWelcome = new Map<string, WirePresence>();
  let last = 0;
  let gaps = 0;
  let closed: { code: number; reason: string } | undefined;

  const apply = (presence: WirePresence): void => {
    const known = view.get(presence.userId);
    if (known && BigInt(known.version ?? 0) >= BigInt(presence.version ?? 0)) return;
    view.set(presence.userId, presence);
    sinceWelcome.set(presence.userId, presence);
  };
  const applySnapshot = (part: NonNullable<WireFrame['snapshot']>): void => {
    snapshot ??= new Map();
    for (const presence of part.presences ?? []) snapshot.set(presence.userId, presence);
    if (!part.last) return;
    view.clear();
    for (const [id, presence] of snapshot) view.set(id, presence);
    for (const presence of sinceWelcome.values())
      if (snapshot.has(presence.userId)) apply(presence);
    snapshot = undefined;
  };
  const onFrame = (frame: WireFrame): void => {
    frames.push(frame);
    const n = Number(frame.n ?? 0);
    if (n !== (frame.ack ? last : last + 1)) gaps++;
    last = n;
    if (frame.welcome) sinceWelcome = new Map();
    if (frame.snapshot) applySnapshot(frame.snapshot);
    frame.update?.presences.forEach(apply);
    frame.removed?.userIds.forEach((id) => view.delete(id));
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
    view,
    get gaps() {
      return gaps;
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
    statusOf: (id) => view.get(id)?.status,
    sees: (id, status, timeoutMs = 10_000) =>
      eventually(
        () => {
          const seen = view.get(id);
          if (seen?.status === status) return seen;
          throw new Error(`${userId} sees ${id} ${seen?.status ?? 'not at all'}, not ${status}`);
        },
        { timeoutMs },
      ),
    whenClosed: () => eventually(() => closed?.code ?? Promise.reject(new Error('still open'))),
    [Symbol.dispose]: () => {
      beating.cancel();
      socket.terminate();
    },
  };
}
