/** A request that becomes a WebSocket on uWebSockets.js. */
import type uWS from 'uWebSockets.js';
import type { HttpRequest, SocketServerOptions } from './socket-server.ts';
import { writeAnswer } from './uws-answers.ts';
import { Connection, type UserData } from './uws-socket.ts';

interface Handshake {
  readonly key: string;
  readonly extensions: string;
}

export function handshakeOf(request: uWS.HttpRequest): Handshake {
  return {
    key: request.getHeader('sec-websocket-key'),
    extensions: request.getHeader('sec-websocket-extensions'),
  };
}

export async function answerUpgrade(
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
