/**
 * Port: what the gateway needs of a server of WebSockets and HTTP. One adapter: server/uws-server.ts.
 *
 * Contract: all callbacks run on the one thread, one at a time. A message's bytes are valid only until `onMessage`
 * returns. `onClose` comes exactly once, whoever closed; after it every method of the socket does nothing.
 */

export interface Socket {
  /** Returns false when bytes now wait in memory because the client does not read; see `onDrain`. */
  send(message: Uint8Array, isBinary: boolean): boolean;
  /** Bytes that wait in memory. */
  bufferedBytes(): number;
  /** Sends what `task` sends in as few system calls as possible. */
  cork(task: () => void): void;
  /** Closes with a code; `onClose` runs before this returns. */
  end(code: number, reason: string): void;
}

export interface SocketListener {
  onMessage(message: Uint8Array, isBinary: boolean): void;
  /** A ping came, and was answered. */
  onPing(): void;
  /** Some or all of what waited in memory is gone. */
  onDrain(): void;
  onClose(): void;
}

export interface HttpRequest {
  /** Upper case. */
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Of a PUT, POST, DELETE and the like; '' of a GET. */
  readonly body: string;
  /** Value of a header, by its lower-case name; '' when it is not there. */
  header(name: string): string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A response without end, as server-sent events need it. */
export interface HttpStream {
  /** Returns false when bytes now wait in memory. */
  write(chunk: Uint8Array | string): boolean;
  cork(task: () => void): void;
  end(): void;
}

export interface StreamListener {
  /** What waited in memory is gone. */
  onDrain(): void;
  onClose(): void;
}

export interface StreamAnswer {
  readonly status: 200;
  readonly headers: Readonly<Record<string, string>>;
  readonly open: (stream: HttpStream) => StreamListener;
}

export interface UpgradeAnswer {
  /** Subprotocol to confirm; undefined when the client asked for none. */
  readonly subprotocol: string | undefined;
  readonly open: (socket: Socket) => SocketListener;
}

type Eventually<T> = T | Promise<T>;

export interface SocketServerOptions {
  readonly host: string;
  /** 0 means any free one. */
  readonly port: number;
  /** Path of the WebSocket; everything else goes to `onRequest`. */
  readonly socketPath: string;
  /** A larger message closes the connection without a word (1006 or 1009). */
  readonly maxMessageBytes: number;
  /** A request with a larger body is refused with 413. */
  readonly maxBodyBytes: number;
  /** A client that neither sends, receives nor answers a ping for this long is cut off; at least 8 s. */
  readonly idleTimeoutMs: number;
  /** More than this in one socket's memory cuts it off: the last line of defence behind the gateway's own limit. */
  readonly maxBufferedBytes: number;
  /** Decides on a WebSocket before it is one. Must not throw. */
  readonly onUpgrade: (request: HttpRequest) => Eventually<UpgradeAnswer | HttpAnswer>;
  /** Answers plain HTTP. Must not throw. */
  readonly onRequest: (request: HttpRequest) => Eventually<HttpAnswer | StreamAnswer>;
}

export interface SocketServer extends AsyncDisposable {
  readonly port: number;
  /** Refuses new connections; those that are open stay. Idempotent. */
  stopAccepting(): void;
}
