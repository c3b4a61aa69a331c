/** GET /readyz: can it serve? Anybody may ask, so addresses and what servers said are for operators. */
import { readinessReport, withoutDetail } from '../../lib/readiness.ts';
import { hasToken } from '../door/auth.ts';
import type { Doorway } from '../door/doorway.ts';
import { jsonAnswer } from '../server/http-answers.ts';
import type { HttpAnswer, HttpRequest } from '../server/socket-server.ts';

export interface ReadyOptions {
  readonly doorway: Doorway;
  /** Names of what keeps the gateway from serving. */
  readonly failing: () => readonly string[];
  /** The same in words, with addresses. */
  readonly problems: () => readonly string[];
}

export async function answerReadiness(
  request: HttpRequest,
  { doorway, failing, problems }: ReadyOptions,
): Promise<HttpAnswer> {
  const isDetailed = hasToken(request) && (await isOperator(request, doorway));
  const told = isDetailed ? problems() : failing().map(withoutDetail);
  return jsonAnswer(told.length === 0 ? 200 : 503, readinessReport(told));
}

async function isOperator(request: HttpRequest, doorway: Doorway): Promise<boolean> {
  const identity = await doorway.identify(request);
  return 'isOperator' in identity && identity.isOperator;
}
