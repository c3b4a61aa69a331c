/** The console: who is there, live, for one user; and for operators, why. */
import { systemClock as clock } from '../sdk/clock.ts';
import type { Closing } from '../sdk/index.ts';
import { answerOf, createApi } from './api.ts';
import { find } from './dom.ts';
import { hideLogin, setUpLogin, showLogin } from './login.ts';
import { createNotifications } from './notifications.ts';
import { createOperator } from './operator.ts';
import { createSessions } from './session.ts';

const LOGGED_OUT = 1000;
/** Whoever waits for longer wonders whether anything happens. */
const SLOW_MS = 2000;

const operator = createOperator(clock);
const notifications = createNotifications({ clock, onProblem: say });
const sessions = createSessions({ clock, notifications, onProblem: say, onClosed: leave });

function say(problem: string): void {
  find('problem', HTMLParagraphElement).textContent = problem;
}

const sayError = (error: unknown): void =>
  say(error instanceof Error ? error.message : String(error));

/** What the gateway tells before anybody has come in. */
interface Settings {
  readonly auth: 'dev' | 'jwt';
  readonly hasPush: boolean;
}

let isEntering = false;

/** A WebSocket does not say why it is refused, so the token is tried on a request first. */
async function enter(token: string, settings: Settings): Promise<void> {
  if (isEntering) return;
  isEntering = true;
  say('');
  const slow = clock.after(SLOW_MS, () => say('The gateway has not answered yet.'));
  await letIn(token, settings).then(() => say(''), sayError);
  slow.cancel();
  isEntering = false;
}

async function letIn(token: string, { hasPush }: Settings): Promise<void> {
  const api = createApi(token);
  await operator.open(api);
  if (hasPush) void notifications.open(api).catch(sayError);
  hideLogin();
  sessions.open(token, api);
  find('choice', HTMLFormElement).querySelector<HTMLInputElement>('input:checked')?.focus();
}

function leave({ code, reason }: Closing): void {
  operator.close();
  notifications.close();
  showLogin();
  if (code !== LOGGED_OUT) say(`Closed: ${reason} (${code})`);
}

async function start(): Promise<void> {
  const settings = (await answerOf('/console/settings.json')) as Settings;
  setUpLogin({ auth: settings.auth, onToken: (token) => void enter(token, settings) });
}

start().catch(sayError);
