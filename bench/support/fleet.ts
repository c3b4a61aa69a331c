/** Thousands of sockets of as many users, opened a few at a time. */
import { ServerFrame } from '../../gen/edge/v1/frames.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { openSocket, type SocketClient } from './socket-client.ts';

export interface FleetOptions {
  /** Of the servers to connect to: users are dealt out to them in turn. */
  readonly ports: readonly number[];
  readonly userIds: readonly string[];
  /** A socket counts as open once its server has sent the snapshot; else once it is upgraded. */
  readonly awaitSnapshot: boolean;
  /** Sockets that open at the same time; default 32. */
  readonly atOnce?: number;
}

export interface FleetEvents {
  /** Every message, those before the socket counts as open too; `user` is the index of its user. */
  readonly onMessage: (user: number, payload: Buffer) => void;
  /** The socket counts as open, so many ms after it was begun. */
  readonly onOpen?: (user: number, socket: SocketClient, tookMs: number) => void;
}

export interface Fleet {
  /** In the order of the users. */
  readonly sockets: readonly SocketClient[];
  /** Why the server closed sockets: empty as it should be. */
  readonly closed: readonly string[];
  readonly close: () => void;
}

const AT_ONCE = 32;

export async function openFleet(options: FleetOptions, events: FleetEvents): Promise<Fleet> {
  const sockets: SocketClient[] = [];
  const closed: string[] = [];
  let next = 0;
  const openSome = async (): Promise<void> => {
    while (next < options.userIds.length) {
      const user = next++;
      const begunAt = clock.monotonic();
      const socket = await openOne(user, options, events, closed);
      sockets[user] = socket;
      events.onOpen?.(user, socket, clock.monotonic() - begunAt);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce ?? AT_ONCE }, openSome));
  return {
    sockets,
    closed,
    close: () => {
      for (const socket of sockets) socket.close();
    },
  };
}

async function openOne(
  user: number,
  { ports, userIds, awaitSnapshot }: FleetOptions,
  { onMessage }: FleetEvents,
  closed: string[],
): Promise<SocketClient> {
  let onSnapshot: (() => void) | undefined;
  let onRefusal: ((error: Error) => void) | undefined;
  const snapshot = new Promise<void>((resolve, reject) => {
    onSnapshot = resolve;
    onRefusal = reject;
    if (!awaitSnapshot) resolve();
  });
  let open = !awaitSnapshot;
  const socket = await openSocket({
    port: ports[user % ports.length]!,
    userId: userIds[user]!,
    onMessage: (payload) => {
      if (!open && isLastOfSnapshot(payload)) {
        open = true;
        onSnapshot?.();
      }
      onMessage(user, payload);
    },
    onClose: (reason) => {
      closed.push(reason);
      onRefusal?.(new Error(`user ${userIds[user]!} was not let in: ${reason}`));
    },
  });
  await snapshot;
  return socket;
}

function isLastOfSnapshot(payload: Buffer): boolean {
  const { frame } = ServerFrame.decode(payload);
  return frame?.$case === 'snapshot' && frame.value.last;
}
