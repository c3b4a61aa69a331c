/** Plain HTTP, by path. */
import type { Console } from './console.ts';
import { jsonAnswer, refusal } from '../server/http-answers.ts';
import {
  answerAsk,
  answerCancel,
  answerNotifications,
  answerPushKey,
  NOTIFICATIONS_PATH,
  type NotificationOptions,
} from './notifications.ts';
import {
  answerExplain,
  answerGateways,
  answerPropagation,
  answerShards,
  type OperatorOptions,
} from './operator.ts';
import { answerReadiness, type ReadyOptions } from './ready.ts';
import { answerLookup } from './rest.ts';
import type { HttpAnswer, HttpRequest, StreamAnswer } from '../server/socket-server.ts';
import { answerEvents, type SseOptions } from './sse.ts';

export const SOCKET_PATH = '/v1/ws';

export interface RouteOptions
  extends OperatorOptions, SseOptions, NotificationOptions, ReadyOptions {
  readonly console: Console;
}

type Answer = HttpAnswer | StreamAnswer | Promise<HttpAnswer | StreamAnswer>;
type Route = (request: HttpRequest, options: RouteOptions) => Answer;

type Method = 'GET' | 'PUT' | 'DELETE';
type Methods = Readonly<Partial<Record<Method, Route>>>;

const PAGES: Readonly<Record<string, Route>> = {
  '/healthz': () => jsonAnswer(200, '{"status":"ok"}'),
  '/readyz': answerReadiness,
  '/v1/presence': answerLookup,
  '/v1/events': answerEvents,
  '/v1/push/key': answerPushKey,
  [NOTIFICATIONS_PATH]: answerNotifications,
  '/v1/operator/explain': answerExplain,
  '/v1/operator/gateways': answerGateways,
  '/v1/operator/propagation': answerPropagation,
  '/v1/operator/shards': answerShards,
  [SOCKET_PATH]: () =>
    refusal(426, `${SOCKET_PATH} is a WebSocket: connect to ws://…${SOCKET_PATH}`, {
      upgrade: 'websocket',
    }),
};

/** Below NOTIFICATIONS_PATH, a user's name each. */
const NOTIFICATION: Methods = { PUT: answerAsk, DELETE: answerCancel };

export function answerRequest(request: HttpRequest, options: RouteOptions): Answer {
  const { method, path } = request;
  const methods = methodsAt(path, options);
  if (!methods) {
    return refusal(404, `nothing is served at ${path}; see /, ${Object.keys(PAGES).join(', ')}`);
  }
  // The server sends a HEAD's answer without its body.
  const route = methods[(method === 'HEAD' ? 'GET' : method) as Method];
  if (route) return route(request, options);
  const served = Object.keys(methods).join(', ');
  return refusal(405, `${method} ${path}: only ${served} is served`, { allow: served });
}

function methodsAt(path: string, { console }: RouteOptions): Methods | undefined {
  const route = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined;
  if (route) return { GET: route };
  if (path.startsWith(`${NOTIFICATIONS_PATH}/`)) return NOTIFICATION;
  const page = console.answer(path);
  return page && { GET: () => page };
}
