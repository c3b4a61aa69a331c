/** The adapter on uWebSockets.js, and the only file that imports it. */
import { STATUS_CODES } from 'node:http';
import uWS from 'uWebSockets.js';
import { ListenError } from '../lib/listen-error.ts';
import { refusal } from './http-answers.ts';
import type {
  HttpAnswer,
  HttpRequest,
  HttpStream,
  Socket,
  SocketListener,
  SocketServer,
  SocketServerOptions,
  StreamAnswer,
  StreamListener,
  UpgradeAnswer,
} from './socket-server.ts';

/** uWebSockets.js copies the members of what it is given, so what changes sits one level deeper. */
interface UserData {
  readonly connection: Connection;
}

type UwsSocket = uWS.WebSocket<UserData>;

/** What `getUserData` does, without leaving JavaScript. */
const connectionOf = (ws: UwsSocket): Connection => (ws as UwsSocket & UserData).connection;

const SENT = 1;
/** LIBUS_LISTEN_EXCLUSIVE_PORT: without it a second gateway would share the port unseen. */
const EXCLUSIVE_PORT = 1;
/** uWebSockets.js knows no longer one. */
const MAX_IDLE_TIMEOUT_S = 960;

const NOBODY: SocketListener = {
  onMessage: () => undefined,
  onPing: () => undefined,
  onDrain: () => undefined,
  onClose: () => undefined,
};

/** One WebSocket. uWebSockets.js throws on any use of a closed one; here nothing happens then. */
class Connection implements Socket {
  readonly #open: UpgradeAnswer['open'];
  #ws: UwsSocket | undefined;
  listener: SocketListener = NOBODY;

  constructor(open: UpgradeAnswer['open']) {
    this.#open = open;
  }

  opened(ws: UwsSocket): void {
    this.#ws = ws;
    this.listener = this.#open(this);
    // Whoever opened it may have refused it at once.
    if (!this.#isOpen()) this.listener.onClose();
  }

  closed(): void {
    this.#ws = undefined;
    this.listener.onClose();
  }

  #isOpen(): boolean {
    return this.#ws !== undefined;
  }

  send(message: Uint8Array, isBinary: boolean): boolean {
    return this.#ws === undefined || this.#ws.send(message, isBinary, false) === SENT;
  }

  bufferedBytes(): number {
    return this.#ws?.getBufferedAmount() ?? 0;
  }

  cork(task: () => void): void {
    this.#ws?.cork(task);
  }

  end(code: number, reason: string): void {
    const ws = this.#ws;
    this.#ws = undefined;
    ws?.end(code, reason);
  }
}

/** One response without end. uWebSockets.js throws on any use of an ended one; here nothing happens then. */
class Stream implements HttpStream {
  #response: uWS.HttpResponse | undefined;
  #listener: StreamListener | undefined;

  constructor(response: uWS.HttpResponse) {
    this.#response = response;
  }

  opened(open: StreamAnswer['open']): void {
    const listener = open(this);
    // Whoever opened it may have refused it at once.
    if (!this.#response) return listener.onClose();
    this.#listener = listener;
    this.#response.onWritable(() => {
      this.#listener?.onDrain();
      return true;
    });
  }

  closed(): void {
    const listener = this.#listener;
    this.#response = undefined;
    this.#listener = undefined;
    listener?.onClose();
  }

  write(chunk: Uint8Array | string): boolean {
    return this.#response === undefined || this.#response.write(chunk);
  }

  cork(task: () => void): void {
    this.#response?.cork(task);
  }

  end(): void {
    const response = this.#response;
    this.closed();
    response?.end();
  }
}

export async function createUwsSocketServer(options: SocketServerOptions): Promise<SocketServer> {
  const app = uWS.App();
  app.ws<UserData>(options.socketPath, socketBehavior(options));
  app.any('/*', (response, request) => void answerRequest(response, headOf(request), options));
  const listening = await listen(app, options.host, options.port);
  let isAccepting = true;
  const stopAccepting = (): void => {
    if (isAccepting) uWS.us_listen_socket_close(listening);
    isAccepting = false;
  };
  return {
    port: uWS.us_socket_local_port(listening),
    stopAccepting,
    [Symbol.asyncDispose]() {
      stopAccepting();
      app.close();
      return Promise.resolve();
    },
  };
}

/** An overload that its types leave out. */
interface ExclusiveListener {
  listen(
    host: string,
    port: number,
    options: number,
    callback: (listening: uWS.us_listen_socket | false) => void,
  ): unknown;
}

function listen(app: uWS.TemplatedApp, host: string, port: number): Promise<uWS.us_listen_socket> {
  return new Promise((resolve, reject) => {
    const listener = app as uWS.TemplatedApp & ExclusiveListener;
    listener.listen(host, port, EXCLUSIVE_PORT, (listening) => {
      if (listening) return resolve(listening);
      reject(new ListenError({ protocol: 'HTTP', host, port }));
    });
  });
}

function socketBehavior(options: SocketServerOptions): uWS.WebSocketBehavior<UserData> {
  return {
    maxPayloadLength: options.maxMessageBytes,
    // Frames are small: deflate would cost more processor and 300 KB a socket than it saves.
    compression: uWS.DISABLED,
    // A client that is frozen goes offline by its lease. This only cleans up after connections that are dead:
    // pings are sent by themselves, and a live client's pong keeps a silent socket open.
    idleTimeout: Math.min(MAX_IDLE_TIMEOUT_S, Math.ceil(options.idleTimeoutMs / 1000)),
    sendPingsAutomatically: true,
    maxBackpressure: options.maxBufferedBytes,
    closeOnBackpressureLimit: 1,
    upgrade: (response, request, context) => {
      const handshake = handshakeOf(request);
      void answerUpgrade(response, headOf(request), handshake, context, options);
    },
    open: (ws) => connectionOf(ws).opened(ws),
    message: (ws, message, isBinary) => {
      connectionOf(ws).listener.onMessage(new Uint8Array(message), isBinary);
    },
    ping: (ws) => connectionOf(ws).listener.onPing(),
    drain: (ws) => connectionOf(ws).listener.onDrain(),
    close: (ws) => connectionOf(ws).closed(),
  };
}

/** A request is gone after the callback; this one stays. */
function headOf(request: uWS.HttpRequest): HttpRequest {
  const headers = new Map<string, string>();
  request.forEach((name, value) => headers.set(name, value));
  return {
    method: request.getCaseSensitiveMethod().toUpperCase(),
    path: request.getUrl(),
    query: new URLSearchParams(request.getQuery()),
    body: '',
    header: (name) => headers.get(name) ?? '',
  };
}

interface Handshake {
  readonly key: string;
  readonly extensions: string;
}

function handshakeOf(request: uWS.HttpRequest): Handshake {
  return {
    key: request.getHeader('sec-websocket-key'),
    extensions: request.getHeader('sec-websocket-extensions'),
  };
}

async function answerUpgrade(
  response: uWS.HttpResponse,
  request: HttpRequest,
  { key, extensions }: Handshake,
  context: uWS.us_socket_context_t,
  options: SocketServerOptions,
): Promise<void> {
  const gone = new AbortController();
  response.onAborted(() => gone.abort());
  const answer = await options.onUpgrade(request);
  if (gone.signal.aborted) return;
  response.cork(() => {
    if ('body' in answer) return writeAnswer(response, request, answer);
    const data: UserData = { connection: new Connection(answer.open) };
    response.upgrade(data, key, answer.subprotocol ?? '', extensions, context);
  });
}

async function answerRequest(
  response: uWS.HttpResponse,
  request: HttpRequest,
  options: SocketServerOptions,
): Promise<void> {
  const gone = new AbortController();
  response.onAborted(() => gone.abort());
  const answer = await (isBodiless(request)
    ? options.onRequest(request)
    : answerWithBody(response, request, options));
  if (gone.signal.aborted) return;
  response.cork(() => {
    if ('body' in answer) return writeAnswer(response, request, answer);
    writeHead(response, answer);
    if (request.method === 'HEAD') return void response.endWithoutBody();
    const stream = new Stream(response);
    gone.signal.addEventListener('abort', () => stream.closed());
    stream.opened(answer.open);
  });
}

const isBodiless = ({ method }: HttpRequest): boolean => method === 'GET' || method === 'HEAD';

async function answerWithBody(
  response: uWS.HttpResponse,
  request: HttpRequest,
  { maxBodyBytes, onRequest }: SocketServerOptions,
): Promise<HttpAnswer | StreamAnswer> {
  const body = await readBody(response, maxBodyBytes);
  if (body !== undefined) return onRequest({ ...request, body });
  return refusal(413, `the body is longer than ${maxBodyBytes} bytes`, { connection: 'close' });
}

/** To be called before the handler returns. Undefined: too long. */
function readBody(response: uWS.HttpResponse, maxBytes: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.onData((chunk, isLast) => {
      length += chunk.byteLength;
      if (length > maxBytes) return resolve(undefined);
      chunks.push(Buffer.from(new Uint8Array(chunk.slice(0))));
      if (isLast) resolve(Buffer.concat(chunks).toString());
    });
  });
}

function writeAnswer(
  response: uWS.HttpResponse,
  { method }: HttpRequest,
  answer: HttpAnswer,
): void {
  const { connection, ...headers } = answer.headers ?? {};
  writeHead(response, { ...answer, headers });
  const isLast = connection === 'close';
  if (method !== 'HEAD') return void response.end(answer.body, isLast);
  // Given any argument, it writes a length of its own, and waits for the body.
  response.writeHeader('content-length', String(Buffer.byteLength(answer.body)));
  response.endWithoutBody();
}

function writeHead(response: uWS.HttpResponse, answer: HttpAnswer | StreamAnswer): void {
  response.writeStatus(`${answer.status} ${STATUS_CODES[answer.status] ?? ''}`);
  for (const [name, value] of Object.entries(answer.headers ?? {})) {
    response.writeHeader(name, value);
  }
}
