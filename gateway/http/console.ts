/**
 * The console's page: a few files that `npm run build` makes of console/, kept in memory. Anyone may have them; what
 * the page shows is asked for with the token of whoever sits before it.
 */
import { readFileSync } from 'node:fs';
import { jsonAnswer, refusal } from '../server/http-answers.ts';
import type { HttpAnswer } from '../server/socket-server.ts';

/** What the page has to know before anybody has come in. */
export interface ConsoleSettings {
  /** dev: a user's name is enough; jwt: a token is asked for. */
  readonly auth: 'dev' | 'jwt';
  /** Whether users can ask for notifications: a page that asks where they cannot has an error in its log. */
  readonly hasPush: boolean;
}

export interface Console {
  /** What is served at this path; undefined: not the console's. */
  answer(path: string): HttpAnswer | undefined;
}

const SETTINGS_PATH = '/console/settings.json';

const FILES: Readonly<Record<string, { readonly name: string; readonly type: string }>> = {
  '/': { name: 'index.html', type: 'text/html' },
  '/console/main.js': { name: 'main.js', type: 'text/javascript' },
  '/console/push-worker.js': { name: 'push-worker.js', type: 'text/javascript' },
  '/console/style.css': { name: 'style.css', type: 'text/css' },
  '/console/icon.svg': { name: 'icon.svg', type: 'image/svg+xml' },
};

/** Nothing from elsewhere, no code in the page, nobody's frame; 'self' includes this gateway's WebSocket. */
const SECURITY = {
  'content-security-policy': [
    "default-src 'none'",
    ...["script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"],
    ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

export function createConsole(settings: ConsoleSettings, dir = defaultDir()): Console {
  const settingsAnswer = jsonAnswer(200, JSON.stringify(settings));
  const answers = new Map(
    Object.entries(FILES).map(([path, { name, type }]) => [
      path,
      answerOf(new URL(name, dir), type),
    ]),
  );
  return {
    answer: (path) => (path === SETTINGS_PATH ? settingsAnswer : answers.get(path)),
  };
}

/** Beside the compiled gateway: dist/console. */
const defaultDir = (): URL => new URL('../../console/', import.meta.url);

function answerOf(file: URL, type: string): HttpAnswer {
  const body = contentOf(file);
  if (body === undefined) return refusal(404, 'the console is not built: npm run build');
  const headers = { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-cache' };
  return { status: 200, headers: { ...headers, ...SECURITY }, body };
}

function contentOf(file: URL): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
