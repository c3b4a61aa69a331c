/** One WebSocket, from opening to closing: keeps it alive, notices that it is dead, and that a frame is missing. */
import type { Clock, Timer } from './clock.ts';
import { BROKEN, NORMAL, type Closing } from './close-codes.ts';
import {
  durationMs,
  parseFrame,
  type ClientFrame,
  type ServerFrame,
  type WirePresence,
  type WireWelcome,
} from './frames.ts';
import { Heartbeats } from './heartbeats.ts';
import { presenceOf, type Presence } from './presence.ts';
import { Resyncs } from './resyncs.ts';
import { Sequence, type Gap } from './sequence.ts';
import { SnapshotParts } from './snapshot-parts.ts';
import { OPEN, type SocketLike } from './socket.ts';

export type ConnectionState =
  /** The handshake is under way. */
  | 'opening'
  /** Connected; the session is not open yet. */
  | 'registering'
  /** The session is open. A snapshot is on its way, the first one or one after a loss. */
  | 'syncing'
  /** The view is right, and every change comes. */
  | 'synced'
  /** Over. */
  | 'closed';

/** Who is told what happens on a connection. */
export interface ConnectionListener {
  onState(connection: Connection): void;
  onWelcome(connection: Connection, welcome: WireWelcome): void;
  onSnapshot(presences: readonly Presence[]): void;
  onUpdate(presences: readonly Presence[]): void;
  onRemoved(userIds: readonly string[]): void;
  /** A heartbeat was answered. */
  onAck(): void;
  onError(code: string, message: string): void;
  onGap(gap: Gap): void;
  onGoingAway(connection: Connection, reconnectAfterMs: number): void;
  /** Once, unless it was closed from here. */
  onClosed(connection: Connection, closing: Closing): void;
}

export interface ConnectionOptions {
  readonly socket: SocketLike;
  readonly clock: Clock;
  /** How long the handshake may take, ms. */
  readonly openTimeoutMs: number;
  readonly isIdle: () => boolean;
  readonly listener: ConnectionListener;
}

/** A gateway that cannot open a session closes the connection after 30 s. */
const WELCOME_TIMEOUT_MS = 40_000;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #heartbeats: Heartbeats;
  readonly #resyncs: Resyncs;
  readonly #sequence = new Sequence();
  readonly #parts = new SnapshotParts();
  #state: ConnectionState = 'opening';
  #deadline: Timer;
  #sessions = 0;

  constructor(options: ConnectionOptions) {
    const { clock, isIdle, openTimeoutMs } = options;
    this.#options = options;
    this.#heartbeats = new Heartbeats({
      clock,
      send: () => this.send({ heartbeat: isIdle() ? { activity: 'ACTIVITY_IDLE' } : {} }),
      onTick: () => this.#resyncs.remind(2 * this.#heartbeats.intervalMs),
      onDead: () => this.#giveUp('no answer to heartbeats'),
    });
    this.#resyncs = new Resyncs(clock, () => this.send({ resync: {} }));
    this.#deadline = clock.after(openTimeoutMs, () => this.#giveUp('no connection in time'));
    this.#listen(options.socket);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** True once the gateway knows the session: what is sent is acted upon. */
  get isWelcome(): boolean {
    return this.#sessions > 0 && this.#state !== 'closed';
  }

  /** True once the session was opened again on the same connection. */
  get isRenewed(): boolean {
    return this.#sessions > 1;
  }

  send(frame: ClientFrame): void {
    const { socket } = this.#options;
    if (this.#state !== 'closed' && socket.readyState === OPEN) socket.send(JSON.stringify(frame));
  }

  /** A heartbeat now, because something is to be told by it. */
  beat(): void {
    this.#heartbeats.beat();
  }

  /** Closes cleanly; nothing is heard of it any more. */
  close(): void {
    if (this.#end()) this.#options.socket.close(NORMAL);
  }

  #listen(socket: SocketLike): void {
    socket.addEventListener('open', () => this.#opened());
    socket.addEventListener('message', ({ data }) => this.#received(data));
    // Of `ws` only; browsers do not say why there is no connection. A close always follows.
    let problem = '';
    socket.addEventListener('error', ({ message = '' }) => (problem = message));
    socket.addEventListener('close', ({ code, reason }) =>
      this.#closed({ code, reason: reason || problem }),
    );
  }

  #opened(): void {
    if (this.#state !== 'opening') return;
    this.#enter('registering');
    this.#deadline.cancel();
    const giveUp = (): void => this.#giveUp('no welcome in time');
    this.#deadline = this.#options.clock.after(WELCOME_TIMEOUT_MS, giveUp);
  }

  #received(data: unknown): void {
    const frame = parseFrame(data);
    if (this.#state === 'closed' || !frame) return;
    this.#heartbeats.heard();
    const gap = this.#sequence.next(Number(frame.n ?? 0), frame.ack !== undefined);
    if (gap) this.#missed(gap);
    this.#act(frame);
  }

  #act({ welcome, snapshot, update, removed, ack, error, goingAway }: ServerFrame): void {
    const { listener } = this.#options;
    if (welcome) this.#welcomed(welcome);
    if (snapshot) this.#snapshot(presencesOf(snapshot), snapshot.last ?? false);
    if (update) listener.onUpdate(presencesOf(update));
    if (removed) listener.onRemoved(removed.userIds ?? []);
    if (ack) listener.onAck();
    if (error) listener.onError(error.code ?? '', error.message ?? '');
    if (goingAway) listener.onGoingAway(this, durationMs(goingAway.reconnectAfter));
  }

  #welcomed(welcome: WireWelcome): void {
    this.#deadline.cancel();
    this.#sessions++;
    this.#parts.restart();
    this.#enter('syncing');
    this.#options.listener.onWelcome(this, welcome);
    if (this.isWelcome) this.#heartbeats.start(durationMs(welcome.heartbeatInterval));
  }

  #snapshot(presences: readonly Presence[], isLast: boolean): void {
    const whole = this.#parts.add(presences, isLast);
    if (!whole) return;
    this.#options.listener.onSnapshot(whole);
    this.#resyncs.answered();
    if (!this.#resyncs.isPending) this.#enter('synced');
  }

  #missed(gap: Gap): void {
    this.#parts.tear();
    this.#options.listener.onGap(gap);
    if (!this.isWelcome) return;
    this.#enter('syncing');
    this.#resyncs.request();
  }

  #giveUp(reason: string): void {
    if (!this.#end()) return;
    const { socket, listener } = this.#options;
    // The other side would not answer a closing handshake.
    if (socket.terminate) socket.terminate();
    else socket.close();
    listener.onClosed(this, { code: BROKEN, reason });
  }

  #closed(closing: Closing): void {
    if (this.#end()) this.#options.listener.onClosed(this, closing);
  }

  /** False when it was over already. */
  #end(): boolean {
    if (!this.#enter('closed')) return false;
    this.#deadline.cancel();
    this.#heartbeats.stop();
    return true;
  }

  /** The only place where the state changes. False when nothing did. */
  #enter(state: ConnectionState): boolean {
    if (this.#state === 'closed' || this.#state === state) return false;
    this.#state = state;
    this.#options.listener.onState(this);
    return true;
  }
}

const presencesOf = ({ presences = [] }: { presences?: readonly WirePresence[] }): Presence[] =>
  presences.map(presenceOf);
