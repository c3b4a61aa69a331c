/** Plain HTTP, by path. */
import type { Console } from './console.ts';
import { jsonAnswer, refusal } from './http-answers.ts';
import {
  answerExplain,
  answerGateways,
  answerPropagation,
  answerShards,
  type OperatorOptions,
} from './operator.ts';
import { answerLookup } from './rest.ts';
import type { HttpAnswer, HttpRequest, StreamAnswer } from './socket-server.ts';
import { answerEvents, type SseOptions } from './sse.ts';

export const SOCKET_PATH = '/v1/ws';

export interface RouteOptions extends OperatorOptions, SseOptions {
  readonly console: Console;
  /** What keeps the gateway from serving, in words. */
  readonly problems: () => readonly string[];
}

type Answer = HttpAnswer | StreamAnswer | Promise<HttpAnswer | StreamAnswer>;
type Route = (request: HttpRequest, options: RouteOptions) => Answer;

const ROUTES: Readonly<Record<string, Route>> = {
  '/healthz': () => jsonAnswer(200, '{"status":"ok"}'),
  '/readyz': (_request, { problems }) => readiness(problems()),
  '/v1/presence': answerLookup,
  '/v1/events': answerEvents,
  '/v1/operator/explain': answerExplain,
  '/v1/operator/gateways': answerGateways,
  '/v1/operator/propagation': answerPropagation,
  '/v1/operator/shards': answerShards,
  [SOCKET_PATH]: () =>
    refusal(426, `${SOCKET_PATH} is a WebSocket: connect to ws://…${SOCKET_PATH}`, {
      upgrade: 'websocket',
    }),
};

export function answerRequest(request: HttpRequest, options: RouteOptions): Answer {
  const route = routeOf(request.path, options);
  if (!route) {
    return refusal(
      404,
      `nothing is served at ${request.path}; see /, ${Object.keys(ROUTES).join(', ')}`,
    );
  }
  if (request.method !== 'GET') {
    return refusal(405, `${request.method} ${request.path}: only GET is served`, { allow: 'GET' });
  }
  return route(request, options);
}

function routeOf(path: string, { console }: RouteOptions): Route | undefined {
  if (Object.hasOwn(ROUTES, path)) return ROUTES[path];
  const page = console.answer(path);
  return page && (() => page);
}

function readiness(problems: readonly string[]): HttpAnswer {
  return problems.length === 0
    ? jsonAnswer(200, '{"ready":true,"problems":[]}')
    : jsonAnswer(503, JSON.stringify({ ready: false, problems }));
}
