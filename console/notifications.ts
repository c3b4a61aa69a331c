/** Buttons that ask to be told, once, when somebody comes online; none where the gateway has no Web Push. */
import type { Clock, Presence } from '../sdk/index.ts';
import { ApiError, type Api } from './api.ts';
import { make } from './dom.ts';
import { subscribe, subscribedEndpoint } from './subscription.ts';

export interface NotificationsOptions {
  readonly clock: Clock;
  readonly onProblem: (problem: string) => void;
}

export interface Notifications {
  /** Finds out what this browser waits for; the buttons come then. */
  open(api: Api): Promise<void>;
  close(): void;
  /** For the row of a user. */
  buttonFor(userId: string): HTMLButtonElement;
  /** Its row has gone. */
  forget(button: HTMLButtonElement): void;
  /** What is now known of that user: there is nothing to wait for while they are online. */
  update(button: HTMLButtonElement, presence: Presence): void;
}

const NOT_SERVED = 501;
const pathOf = (userId: string): string => `/v1/notifications/${encodeURIComponent(userId)}`;

interface Session {
  readonly api: Api;
  readonly publicKey: string;
  /** Subjects that this browser waits for. */
  readonly asked: Set<string>;
}

interface Button {
  readonly userId: string;
  isOffline: boolean;
}

export function createNotifications({ clock, onProblem }: NotificationsOptions): Notifications {
  const buttons = new Map<HTMLButtonElement, Button>();
  let opening: Api | undefined;
  let session: Session | undefined;

  const draw = (button: HTMLButtonElement, { userId, isOffline }: Button): void => {
    button.hidden = !session || !isOffline;
    button.setAttribute('aria-pressed', String(session?.asked.has(userId) ?? false));
  };
  const drawAll = (): void => buttons.forEach((about, button) => draw(button, about));
  const press = async (button: HTMLButtonElement, about: Button): Promise<void> => {
    const pressedIn = session;
    if (!pressedIn || button.ariaBusy === 'true') return;
    onProblem('');
    button.ariaBusy = 'true';
    await toggle(pressedIn, about.userId, clock).catch((error: unknown) =>
      onProblem(error instanceof Error ? error.message : String(error)),
    );
    button.ariaBusy = 'false';
    draw(button, about);
  };
  return {
    async open(api) {
      opening = api;
      const opened = await openSession(api);
      // Somebody else may have come in meanwhile.
      if (opening !== api) return;
      session = opened;
      drawAll();
    },
    close() {
      opening = undefined;
      session = undefined;
      drawAll();
    },
    forget: (button) => void buttons.delete(button),
    buttonFor(userId) {
      const button = make('button', 'ask', 'Tell me when online');
      button.type = 'button';
      button.setAttribute('aria-label', `Tell me when online: ${userId}`);
      const about = { userId, isOffline: false };
      buttons.set(button, about);
      button.addEventListener('click', () => void press(button, about));
      draw(button, about);
      return button;
    },
    update(button, { userId, status }) {
      const about = buttons.get(button);
      if (!about) return;
      about.isOffline = status === 'OFFLINE';
      // Told on screen: the gateway has ended the request.
      if (!about.isOffline) session?.asked.delete(userId);
      draw(button, about);
    },
  };
}

/** Undefined: the gateway has no Web Push. */
async function openSession(api: Api): Promise<Session | undefined> {
  try {
    const { publicKey } = (await api.get('/v1/push/key')) as { publicKey: string };
    return { api, publicKey, asked: new Set(await askedHere(api)) };
  } catch (error) {
    if (error instanceof ApiError && error.status === NOT_SERVED) return undefined;
    throw error;
  }
}

interface Waiting {
  readonly notifications: readonly { readonly subjectUserId: string; readonly endpoint: string }[];
}

async function askedHere(api: Api): Promise<string[]> {
  const own = await subscribedEndpoint();
  const { notifications } = (await api.get('/v1/notifications')) as Waiting;
  return notifications
    .filter(({ endpoint }) => endpoint === own)
    .map(({ subjectUserId }) => subjectUserId);
}

async function toggle({ api, publicKey, asked }: Session, userId: string, clock: Clock) {
  if (asked.has(userId)) {
    const endpoint = await subscribedEndpoint();
    await api.send('DELETE', pathOf(userId), { endpoint });
    asked.delete(userId);
  } else {
    const subscription = await subscribe(publicKey, clock);
    await api.send('PUT', pathOf(userId), subscription.toJSON());
    asked.add(userId);
  }
}
