/** Answers in JSON: `{"error":{"code","message"}}` when something is wrong, in words that say what would be right. */
import type { HttpAnswer } from './socket-server.ts';

const CODES = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  409: 'FAILED_PRECONDITION',
  413: 'TOO_LARGE',
  426: 'UPGRADE_REQUIRED',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
} as const;

export type RefusalStatus = keyof typeof CODES;

const JSON_TYPE = 'application/json; charset=utf-8';

export function jsonAnswer(status: number, body: string): HttpAnswer {
  return { status, body, headers: { 'content-type': JSON_TYPE, 'cache-control': 'no-store' } };
}

export function refusal(
  status: RefusalStatus,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  const answer = jsonAnswer(status, JSON.stringify({ error: { code: CODES[status], message } }));
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

/** With a 503: by then it may be over. */
export const RETRY_AFTER = { 'retry-after': '1' };
