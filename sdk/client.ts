/** The client: one user's view of others, kept right over connections that come and go. */
import { Activity } from './activity.ts';
import { ChosenStatus, type Choice } from './chosen-status.ts';
import type { Closing } from './close-codes.ts';
import { Emitter } from './emitter.ts';
import type { ClientFrame, WireWelcome } from './frames.ts';
import { Link, type LinkListener } from './link.ts';
import { settingsOf, type PresenceClientOptions, type Settings } from './options.ts';
import type { Presence } from './presence.ts';
import type { Gap } from './sequence.ts';
import { Store, type ConnectionStatus, type PresenceSnapshot } from './store.ts';
import { View, type PresenceChange } from './view.ts';
import { Watches } from './watches.ts';

export interface PresenceError {
  /** `CONNECT`: no token, or no way to open a socket. The others are the gateway's, as `RATE` or `UNAVAILABLE`. */
  readonly code: string;
  /** What was wrong, and what would be right. */
  readonly message: string;
}

export interface PresenceEvents {
  /** Somebody is seen differently. */
  readonly presence: PresenceChange;
  /** The state of the connection, the session, or what the user chose has changed. */
  readonly connection: ConnectionStatus;
  /** A connection was lost, or could not be made. It is tried again. */
  readonly disconnected: Closing;
  /** It does not reconnect by itself: call `connect` when whatever was wrong is mended. */
  readonly closed: Closing;
  /** Something was refused. */
  readonly error: PresenceError;
  /** A frame is missing; the view is asked for again. */
  readonly gap: Gap;
}

/** All its functions can be passed on as they are. */
export interface PresenceClient {
  /**
   * Connects, and stays connected.
   * @throws TypeError where there is no WebSocket: in Node before 22, when none was given
   */
  connect(): void;
  /** Closes the connection. The user is offline after a short grace, so that a page can be loaded anew unseen. */
  close(): void;
  /** Closes the connection, and the user is offline at once. */
  logout(): void;
  /** Chooses a status for all devices of the user; when not connected, as soon as it is. */
  setStatus(choice: Choice): void;
  /** Takes the choice back: the status follows activity. */
  clearStatus(): void;
  /** Says whether somebody is at the device, where there are no signs of it, or until the next. */
  setIdle(isIdle: boolean): void;
  /**
   * Keeps told of users while they are on screen. Only those in pull mode need it; the others cost nothing.
   * @returns a function that ends it. Watched by several, a user is watched until the last has ended it.
   */
  watch(userIds: readonly string[]): () => void;
  /** Undefined: not seen. The same object until something changes. */
  getPresence(userId: string): Presence | undefined;
  /** Everything. The same object until something changes. */
  getSnapshot(): PresenceSnapshot;
  /** The same object until something changes. */
  getConnection(): ConnectionStatus;
  /** Calls `listener` after every change. @returns a function that ends it */
  subscribe(listener: () => void): () => void;
  /** Calls `listener` after every change of one user. @returns a function that ends it */
  subscribeUser(userId: string, listener: () => void): () => void;
  /** @returns a function that ends it */
  on<K extends keyof PresenceEvents>(
    event: K,
    listener: (value: PresenceEvents[K]) => void,
  ): () => void;
}

/** The gateway acts on nothing until less is sent. */
const OVER_RATE = 'ERROR_CODE_RATE';
const RETRY_MS = 2000;

/** @throws TypeError that names what is wrong with the options */
export function createPresenceClient(options: PresenceClientOptions): PresenceClient {
  const settings = settingsOf(options);
  const { events, view, activity, watches, chosen, link, store, statusChanged } =
    assemble(settings);
  let stopWaking: (() => void) | undefined;
  events.on('closed', () => {
    stopWaking?.();
    stopWaking = undefined;
  });
  const choose = (choice: Choice | undefined): void => {
    chosen.choose(choice);
    statusChanged();
  };
  return {
    connect() {
      settings.socketConstructor();
      activity.start();
      stopWaking ??= settings.wakeUps?.(() => link.wake());
      link.open();
    },
    close: () => link.close(),
    logout: () => link.logout(),
    setStatus: choose,
    clearStatus: () => choose(undefined),
    setIdle: (isIdle) => activity.set(isIdle),
    watch: (userIds) => watches.watch(userIds),
    getPresence: (userId) => view.presences.get(userId),
    getSnapshot: () => store.snapshot,
    getConnection: () => store.connection,
    subscribe: (listener) => store.subscribe(listener),
    subscribeUser: (userId, listener) => store.subscribeUser(userId, listener),
    on: (event, listener) => events.on(event, listener),
  };
}

/** The parts, and what each makes the others do. */
function assemble(settings: Settings) {
  const { clock } = settings;
  const events = new Emitter<PresenceEvents>();
  const view = new View();
  const send = (frame: ClientFrame): boolean => link.send(frame);
  const isPulled = (userId: string): boolean => view.presences.get(userId)?.mode === 'PULL';
  const watches = new Watches({ clock, send, isPulled });
  const chosen = new ChosenStatus({ clock, send });
  const activity = new Activity({ ...settings, onChange: () => link.beat() });
  let session: WireWelcome | undefined;

  const statusChanged = (): void => {
    if (store.connectionChanged()) events.emit('connection', store.connection);
  };
  const seen = (changes: readonly PresenceChange[]): void => {
    store.presencesChanged(changes.map(({ userId }) => userId));
    for (const change of changes) events.emit('presence', change);
    watches.refresh();
  };
  const listener: LinkListener = {
    onOpening: () => view.renew(),
    onWelcome(connection, welcome) {
      if (connection.isRenewed) view.renew();
      session = welcome;
      chosen.welcomed(welcome.chosen);
      statusChanged();
    },
    onSnapshot: (presences) => seen(view.replace(presences)),
    onUpdate: (presences) => seen(view.update(presences)),
    onRemoved(userIds) {
      watches.removed(userIds);
      seen(view.remove(userIds));
    },
    onTakenOver: () => watches.restart(),
    onStatus: statusChanged,
    onAck: () => chosen.answered(),
    onGap: (gap) => events.emit('gap', gap),
    onError(code, message) {
      chosen.refused(code);
      if (code === OVER_RATE) watches.restart(RETRY_MS);
      events.emit('error', { code: code.replace('ERROR_CODE_', ''), message });
    },
    onLost: (closing) => events.emit('disconnected', closing),
    onClosed(closing) {
      activity.stop();
      watches.stop();
      chosen.stop();
      events.emit('closed', closing);
    },
  };
  const link: Link = new Link({ ...settings, isIdle: () => activity.isIdle, listener });
  const store: Store = new Store({
    presences: () => view.presences,
    connection: () => ({
      state: link.state,
      isStale: link.isStale,
      closing: link.closing,
      userId: session?.userId,
      sessionId: session?.sessionId,
      chosen: chosen.current,
    }),
  });
  return { events, view, activity, watches, chosen, link, store, statusChanged };
}
