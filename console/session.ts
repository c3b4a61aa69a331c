/** One user who came in: what the client tells is drawn, what they do is told to the client. */
import { createPresenceClient, type Choice, type Closing, type Clock } from '../sdk/index.ts';
import { refusalOf, type Api } from './api.ts';
import { createChanges } from './changes.ts';
import { find } from './dom.ts';
import type { Notifications } from './notifications.ts';
import { createOnScreen } from './on-screen.ts';
import { createPeople } from './people.ts';
import { setUpChoice } from './choice.ts';

export interface SessionOptions {
  readonly clock: Clock;
  readonly notifications: Notifications;
  readonly onProblem: (problem: string) => void;
  /** It has ended and does not come back by itself. */
  readonly onClosed: (closing: Closing) => void;
}

const TITLE = 'presence-mesh';

type Client = ReturnType<typeof createPresenceClient>;

export interface Sessions {
  open(token: string, api: Api): void;
}

/** One at a time, on the same page. */
export function createSessions({
  clock,
  notifications,
  onProblem,
  onClosed,
}: SessionOptions): Sessions {
  let client: Client | undefined;
  let wasLive = false;
  const changes = createChanges();
  const onScreen = createOnScreen({ watch: (userId) => client?.watch([userId]) ?? nothing });
  const people = createPeople({ onPulled: onScreen.add, onGone: onScreen.remove, notifications });
  const showChoice = setUpChoice((choice) => {
    onProblem('');
    if (client) choose(client, choice);
  });
  find('logout', HTMLButtonElement).addEventListener('click', () => client?.logout());

  const draw = ({ getSnapshot }: Client): void => {
    const { connection, presences } = getSnapshot();
    wasLive ||= !connection.isStale;
    showConnection(connection, wasLive);
    showChoice(connection.chosen);
    people.update(presences);
  };
  return {
    open(token, api) {
      wasLive = false;
      const opened = createPresenceClient({
        url: location.origin,
        token,
        device: 'console',
        clock,
      });
      client = opened;
      const stopDrawing = opened.subscribe(() => draw(opened));
      // The wall clock as it was when the page was opened, and the time since.
      opened.on('presence', (change) =>
        changes.add(change, performance.timeOrigin + clock.monotonic()),
      );
      opened.on('error', ({ message }) => onProblem(message));
      opened.on('disconnected', () => void leaveIfRefused(opened, api, onProblem));
      opened.on('closed', (closing) => {
        client = undefined;
        document.title = TITLE;
        stopDrawing();
        people.clear();
        changes.clear();
        onClosed(closing);
      });
      opened.connect();
      draw(opened);
    },
  };
}

const nothing = (): void => undefined;

/** Trying again would not help: a WebSocket does not say that its token is refused, so it is tried on a request. */
async function leaveIfRefused(client: Client, api: Api, say: (problem: string) => void) {
  const why = await refusalOf(api);
  if (why === undefined || client.getConnection().state === 'closed') return;
  client.close();
  say(why);
}

function choose(client: Client, choice: Choice | undefined): void {
  if (choice) client.setStatus(choice);
  else client.clearStatus();
}

type Connection = ReturnType<Client['getConnection']>;

function showConnection(connection: Connection, wasLive: boolean): void {
  const { isStale, userId } = connection;
  const shown = find('connection', HTMLSpanElement);
  const words = wordsOf(connection, wasLive);
  // Screen readers read it again whenever it is set: once for a loss, however many attempts follow.
  if (shown.textContent !== words) shown.textContent = words;
  shown.classList.toggle('live', !isStale);
  find('people', HTMLUListElement).classList.toggle('stale', isStale);
  find('me', HTMLElement).textContent = userId ?? '';
  document.title = userId === undefined ? TITLE : `${userId} · ${TITLE}`;
}

function wordsOf({ isStale, state }: Connection, wasLive: boolean): string {
  if (!isStale) return 'live';
  if (!wasLive) return 'connecting';
  return state === 'online' ? 'reading anew' : 'connection lost, trying again';
}
