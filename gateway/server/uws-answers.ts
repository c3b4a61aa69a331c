/** Plain HTTP on uWebSockets.js: what is asked, and what is answered. */
import { STATUS_CODES } from 'node:http';
import type uWS from 'uWebSockets.js';
import { refusal } from './http-answers.ts';
import type {
  HttpAnswer,
  HttpRequest,
  SocketServerOptions,
  StreamAnswer,
} from './socket-server.ts';
import { Stream } from './uws-stream.ts';

/** A request is gone after the callback; this one stays. */
export function headOf(request: uWS.HttpRequest): HttpRequest {
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

export async function answerRequest(
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

export function writeAnswer(
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
