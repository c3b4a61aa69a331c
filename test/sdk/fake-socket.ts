/** A WebSocket whose other end is the test, and a client that uses it under a clock moved by hand. */
import {
  createPresenceClient,
  type PresenceClient,
  type PresenceClientOptions,
  type SocketLike,
} from '../../sdk/index.ts';
import type { ClientFrame, ServerFrame, WirePresence } from '../../sdk/frames.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';

interface SocketEvents {
  open: object;
  error: { message?: string };
  message: { data: unknown };
  close: { code: number; reason: string };
}

export type ServerMessage = Omit<ServerFrame, 'n'>;

export class FakeSocket implements SocketLike {
  readonly url: URL;
  readonly protocol: string;
  readonly sent: ClientFrame[] = [];
  readyState = 0;
  isTerminated = false;
  /** Number of the last frame. */
  n = 0;
  readonly #listeners = new Map<string, ((event: never) => void)[]>();

  constructor(url: string, protocol: string) {
    this.url = new URL(url);
    this.protocol = protocol;
  }

  addEventListener<K extends keyof SocketEvents>(
    type: K,
    listener: (event: SocketEvents[K]) => void,
  ): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data) as ClientFrame);
  }

  close(): void {
    this.readyState = 3;
  }

  terminate(): void {
    this.isTerminated = true;
    this.readyState = 3;
  }

  /** How often the client sent a frame with this member. */
  count(member: string): number {
    return this.sent.filter((frame) => member in frame).length;
  }

  /** The handshake is done. */
  open(): void {
    this.readyState = 1;
    this.#emit('open', {});
  }

  /** The gateway sends a frame. */
  says(message: ServerMessage): void {
    if (!message.ack) this.n++;
    this.saysRaw(JSON.stringify({ n: String(this.n), ...message }));
  }

  saysRaw(data: string): void {
    if (this.readyState === 1) this.#emit('message', { data });
  }

  /** The gateway has sent frames that never come. */
  loses(frames = 1): void {
    this.n += frames;
  }

  welcomes(welcome: Partial<NonNullable<ServerFrame['welcome']>> = {}): void {
    const defaults = { sessionId: 'session', userId: 'me', heartbeatInterval: '5s' };
    this.says({ welcome: { ...defaults, ...welcome } });
  }

  shows(...presences: WirePresence[]): void {
    this.says({ snapshot: { presences, last: true } });
  }

  updates(...presences: WirePresence[]): void {
    this.says({ update: { presences } });
  }

  /** Handshake, welcome, snapshot. */
  serves(...presences: WirePresence[]): void {
    this.open();
    this.welcomes();
    this.shows(...presences);
  }

  closes(code = 1006, reason = ''): void {
    this.readyState = 3;
    this.#emit('close', { code, reason });
  }

  fails(message: string): void {
    this.#emit('error', { message });
    this.closes();
  }

  #emit<K extends keyof SocketEvents>(type: K, event: SocketEvents[K]): void {
    for (const listener of this.#listeners.get(type) ?? []) {
      (listener as (event: SocketEvents[K]) => void)(event);
    }
  }
}

export interface Rig {
  readonly client: PresenceClient;
  readonly clock: ManualClock;
  readonly sockets: readonly FakeSocket[];
  /** The socket opened last, once there are `count`. */
  socket(count?: number): Promise<FakeSocket>;
}

export function startRig(options: Partial<PresenceClientOptions> = {}): Rig {
  const clock = createManualClock();
  const sockets: FakeSocket[] = [];
  class RecordedSocket extends FakeSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol);
      sockets.push(this);
    }
  }
  const client = createPresenceClient({
    url: 'ws://gateway.example',
    token: 'dev:me',
    WebSocket: RecordedSocket,
    clock,
    ...options,
  });
  return {
    client,
    clock,
    sockets,
    async socket(count = sockets.length || 1) {
      await settled();
      const last = sockets.at(-1);
      if (sockets.length === count && last) return last;
      throw new Error(`${sockets.length} sockets, not ${count}`);
    },
  };
}

/** A client that is online, and its socket. */
export async function startOnline(
  options: Partial<PresenceClientOptions> = {},
  ...presences: WirePresence[]
): Promise<Rig & { first: FakeSocket }> {
  const rig = startRig(options);
  rig.client.connect();
  const first = await rig.socket(1);
  first.serves(...presences);
  return { ...rig, first };
}

/** Promises that are settled have been acted upon. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const wire = (userId: string, version: number, more: Partial<WirePresence> = {}) => ({
  userId,
  status: 'STATUS_ONLINE',
  version: String(version),
  mode: 'MODE_PUSH',
  ...more,
});
