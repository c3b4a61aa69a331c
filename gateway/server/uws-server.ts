/** The adapter on uWebSockets.js; this folder alone imports it. */
import uWS from 'uWebSockets.js';
import { ListenError } from '../../lib/listen-error.ts';
import type { SocketServer, SocketServerOptions } from './socket-server.ts';
import { answerRequest, headOf } from './uws-answers.ts';
import { connectionOf, type UserData } from './uws-socket.ts';
import { answerUpgrade, handshakeOf } from './uws-upgrades.ts';

/** LIBUS_LISTEN_EXCLUSIVE_PORT: without it a second gateway would share the port unseen. */
const EXCLUSIVE_PORT = 1;
/** uWebSockets.js knows no longer one. */
const MAX_IDLE_TIMEOUT_S = 960;

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
