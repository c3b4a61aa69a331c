/** One user who came in: what the client tells is drawn, what they do is told to the client. */
import { createPresenceClient, type Choice, type Closing, type Clock } from '../sdk/index.ts';
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

type Client = ReturnType<typeof createPresenceClient>;

export interface Sessions {
  open(token: string): void;
}

/** One at a time, on the same page. */
export function createSessions({
  clock,
  notifications,
  onProblem,
  onClosed,
}: SessionOptions): Sessions {
  let client: Client | undefined;
  const changes = createChanges();
  const onScreen = createOnScreen({ watch: (userId) => client?.watch([userId]) ?? nothing });
  const people = createPeople({ onPulled: onScreen.add, onGone: onScreen.remove, notifications });
  const showChoice = setUpChoice((choice) => client && choose(client, choice));
  find('logout', HTMLButtonElement).addEventListener('click', () => client?.logout());

  const draw = ({ getSnapshot }: Client): void => {
    const { connection, presences } = getSnapshot();
    showConnection(connection);
    showChoice(connection.chosen);
    people.update(presences);
  };
  return {
    open(token) {
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
      opened.on('closed', (closing) => {
        client = undefined;
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

function choose(client: Client, choice: Choice | undefined): void {
  if (choice) client.setStatus(choice);
  else client.clearStatus();
}

type Connection = ReturnType<Client['getConnection']>;

function showConnection({ state, isStale, userId }: Connection): void {
  const shown = find('connection', HTMLSpanElement);
  shown.textContent = isStale ? state : 'live';
  shown.classList.toggle('live', !isStale);
  find('people', HTMLUListElement).classList.toggle('stale', isStale);
  find('me', HTMLElement).textContent = userId ?? '';
}
