/** The seed's WebSocket server, as written: every beat is a call of the presence service. */
import { credentials, type requestCallback } from '@grpc/grpc-js';
import uWS from 'uWebSockets.js';
import { LiteralClient } from '../support/literal-service.ts';
import { serveRemote } from '../support/remote.ts';

export interface LiteralGateway {
  /** Listens for as long as the process lives; resolves with the port. */
  readonly serve: (presencePort: number) => Promise<number>;
  /** Beats whose call failed, or was not made because too many were waiting. */
  readonly failures: () => number;
}

interface User {
  readonly userId: string;
}

/** One that cannot keep up would else fill the memory. */
const MAX_WAITING = 10_000;

let failures = 0;
let waiting = 0;

serveRemote({ serve, failures: () => failures } satisfies LiteralGateway);

function serve(presencePort: number): Promise<number> {
  const beat = connect(presencePort);
  const app = uWS.App().ws<User>('/v1/ws', {
    upgrade: (response, request, context) => {
      const userId = (request.getQuery('access_token') ?? '').slice('dev:'.length);
      const key = request.getHeader('sec-websocket-key');
      response.upgrade({ userId }, key, 'presence.v1+proto', '', context);
    },
    message: (socket) => beat(socket.getUserData().userId),
  });
  return new Promise((resolve, reject) => {
    app.listen('127.0.0.1', 0, (listening) => {
      if (listening) resolve(uWS.us_socket_local_port(listening));
      else reject(new Error('uWebSockets.js cannot listen on 127.0.0.1'));
    });
  });
}

function connect(presencePort: number): (userId: string) => void {
  const client = new LiteralClient(`127.0.0.1:${presencePort}`, credentials.createInsecure());
  const onReply: requestCallback<undefined> = (error) => {
    waiting--;
    if (error) failures++;
  };
  return (userId) => {
    if (waiting >= MAX_WAITING) {
      failures++;
    } else {
      waiting++;
      client['heartbeat']?.(userId, onReply);
    }
  };
}
