/**
 * The machine's limit: uWebSockets.js and nothing else. `drop` forgets every frame; `ack` answers each with a few bytes;
 * `fanout` pushes each change to the friends' sockets straight from memory, the same bytes to all; `snapshot` sends who
 * comes all their friends from memory.
 */
import uWS from 'uWebSockets.js';
import { ClientFrame, ServerFrame } from '../../gen/edge/v1/frames.ts';
import { Mode, Status, type Presence } from '../../gen/presence/v1/presence.ts';
import { systemClock } from '../../lib/clock.ts';
import { serveRemote } from '../support/remote.ts';

export interface BareSockets {
  /** Listens for as long as the process lives; resolves with the port. */
  readonly serve: (options: BareOptions) => Promise<number>;
  /** Frames received so far. */
  readonly frames: () => number;
}

export type BareOptions =
  | { readonly kind: 'drop' | 'ack' }
  | { readonly kind: 'fanout'; readonly friends: readonly (readonly number[])[] }
  | {
      readonly kind: 'snapshot';
      readonly friends: readonly (readonly number[])[];
      /** The user id of the first of them; the others follow. */
      readonly firstUser: number;
    };

interface User {
  readonly user: number;
}

const SUBPROTOCOL = 'presence.v1+proto';

let frames = 0;

serveRemote({
  serve: (options) => listen(handlerOf(options), snapshotOf(options)),
  frames: () => frames,
} satisfies BareSockets);

type OnFrame = (from: number, frame: ArrayBuffer) => void;

const ACK = ServerFrame.encode({ n: 1n, frame: { $case: 'ack', value: {} } }).finish();
const sockets = new Map<number, uWS.WebSocket<User>>();

function listen(onFrame: OnFrame, snapshot: (user: number) => Uint8Array): Promise<number> {
  const app = uWS.App().ws<User>('/v1/ws', {
    upgrade: (response, request, context) => {
      const user = Number((request.getQuery('access_token') ?? '').replace(/^\D*/, ''));
      const key = request.getHeader('sec-websocket-key');
      response.upgrade({ user }, key, SUBPROTOCOL, '', context);
    },
    open: (socket) => {
      sockets.set(socket.getUserData().user, socket);
      socket.send(snapshot(socket.getUserData().user), true);
    },
    message: (socket, frame) => {
      frames++;
      onFrame(socket.getUserData().user, frame);
    },
    close: (socket) => void sockets.delete(socket.getUserData().user),
  });
  return new Promise((resolve, reject) => {
    app.listen('127.0.0.1', 0, (listening) => {
      if (listening) resolve(uWS.us_socket_local_port(listening));
      else reject(new Error('uWebSockets.js cannot listen on 127.0.0.1'));
    });
  });
}

function handlerOf(options: BareOptions): OnFrame {
  if (options.kind === 'fanout') return createFanout(options.friends);
  if (options.kind === 'drop') return () => undefined;
  return (from) => sockets.get(from)?.send(ACK, true);
}

function createFanout(friends: readonly (readonly number[])[]): OnFrame {
  return (from, bytes) => {
    const { frame } = ClientFrame.decode(new Uint8Array(bytes));
    if (frame?.$case !== 'setStatus') return;
    const update = encodeUpdate(from, frame.value.status);
    for (const friend of friends[from] ?? []) sockets.get(friend)?.send(update, true);
  };
}

function snapshotOf(options: BareOptions): (user: number) => Uint8Array {
  if (options.kind !== 'snapshot') return () => encodeSnapshot([]);
  const { friends, firstUser } = options;
  return (user) => {
    const own = friends[user - firstUser] ?? [];
    return encodeSnapshot(own.map((f) => presenceOf(f + firstUser, Status.STATUS_ONLINE)));
  };
}

function encodeSnapshot(presences: Presence[]): Uint8Array {
  const value = { presences, last: true };
  return ServerFrame.encode({ n: 1n, frame: { $case: 'snapshot', value } }).finish();
}

function encodeUpdate(user: number, status: Status): Uint8Array {
  const value = { presences: [presenceOf(user, status)] };
  return ServerFrame.encode({ n: 1n, frame: { $case: 'update', value } }).finish();
}

function presenceOf(user: number, status: Status): Presence {
  const now = systemClock.now();
  return {
    userId: String(user),
    status,
    lastActive: new Date(now),
    version: BigInt(now),
    mode: Mode.MODE_PUSH,
  };
}
