/**
 * Pages of other origins. A browser lets them read an answer only where it names their origin, and asks beforehand
 * about what a plain page could not send; of WebSockets it asks nothing, so their origin is looked at here.
 */
import { jsonAnswer, refusal } from '../server/http-answers.ts';
import type { HttpAnswer, HttpRequest, StreamAnswer } from '../server/socket-server.ts';

export interface Origins {
  /** The answer to a browser that asks whether a page may send a request; undefined: it asks nothing. */
  preflight(request: HttpRequest): HttpAnswer | undefined;
  /** The answer, with what lets a page of an allowed origin read it. */
  readable<Answer extends HttpAnswer | StreamAnswer>(request: HttpRequest, answer: Answer): Answer;
  /** A refusal of a WebSocket from a page that is not allowed to have one. */
  refuseSocket(request: HttpRequest): HttpAnswer | undefined;
}

const PREFLIGHT_MAX_AGE_S = 600;

/** @param allowed undefined: no page of another origin reads anything, and every page may open a WebSocket. */
export function createOrigins(allowed: readonly string[] | undefined): Origins {
  const isAllowed = (origin: string): boolean => allowed?.includes(origin) ?? false;
  return {
    preflight(request) {
      if (request.method !== 'OPTIONS') return undefined;
      if (request.header('access-control-request-method') === '') return undefined;
      const headers = isAllowed(request.header('origin')) ? PERMISSION : {};
      return { ...jsonAnswer(204, ''), headers };
    },
    readable(request, answer) {
      if (allowed === undefined) return answer;
      const origin = request.header('origin');
      const headers = { ...answer.headers, vary: 'origin' };
      if (!isAllowed(origin)) return { ...answer, headers };
      return { ...answer, headers: { ...headers, ...readableBy(origin) } };
    },
    refuseSocket(request) {
      const origin = request.header('origin');
      // Not a browser, or a page of the gateway's own: the console.
      if (allowed === undefined || origin === '' || isOwn(origin, request)) return undefined;
      if (isAllowed(origin)) return undefined;
      return refusal(403, `pages of ${origin} may not connect: MESH_ALLOWED_ORIGINS leaves it out`);
    },
  };
}

const PERMISSION = {
  'access-control-allow-methods': 'GET, PUT, DELETE',
  'access-control-allow-headers': 'authorization, content-type, traceparent',
  'access-control-max-age': String(PREFLIGHT_MAX_AGE_S),
};

const readableBy = (origin: string) => ({
  'access-control-allow-origin': origin,
  'access-control-expose-headers': 'retry-after',
});

function isOwn(origin: string, request: HttpRequest): boolean {
  return origin.replace(/^https?:\/\//, '') === request.header('host');
}
