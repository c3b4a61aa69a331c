/** A page of friends. In a project of your own: `import … from '@presence-mesh/client'`. */
import { createPresenceClient, type Choice, type Presence } from '../../sdk/index.ts';

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
}

const login = element('login') as HTMLFormElement;
const choice = element('status') as HTMLSelectElement;
const session = element('session');
const friends = element('friends');

login.addEventListener('submit', (event) => {
  event.preventDefault();
  say('');
  try {
    enter(field('user').value, field('url').value);
  } catch (error) {
    // Options that cannot be right: here, the address of the gateway.
    say(error instanceof Error ? error.message : String(error));
  }
});

function field(name: string): HTMLInputElement {
  return login.elements.namedItem(name) as HTMLInputElement;
}

function enter(userId: string, url: string): void {
  const client = createPresenceClient({
    url,
    // A real one asks its server for a token here: it is called before every connection.
    token: () => `dev:${userId}`,
    device: 'example page',
  });

  client.subscribe(() => {
    const { connection, presences } = client.getSnapshot();
    element('connection').textContent = connection.isStale ? connection.state : 'live';
    choice.value = connection.chosen ?? '';
    friends.classList.toggle('stale', connection.isStale);
    friends.replaceChildren(...[...presences.values()].sort(byName).map(friend));
  });
  client.on('error', ({ code, message }) => say(`${code}: ${message}`));
  client.on('closed', ({ code, reason }) => {
    // 4001: the token has expired. The provider gives another one.
    if (code === 4001) return client.connect();
    show(login);
    say(`Closed: ${reason} (${code})`);
  });

  choice.onchange = () => {
    if (choice.value) client.setStatus(choice.value as Choice);
    else client.clearStatus();
  };
  element('logout').onclick = () => client.logout();
  element('me').textContent = userId;
  show(session);
  client.connect();
}

function show(part: HTMLElement): void {
  for (const one of [login, session]) one.hidden = one !== part;
}

const byName = (a: Presence, b: Presence): number => a.userId.localeCompare(b.userId);

function friend({ userId, status, lastActiveMs }: Presence): HTMLLIElement {
  const item = document.createElement('li');
  const dot = document.createElement('span');
  dot.className = `dot ${status}`;
  const seen = document.createElement('small');
  seen.textContent = lastActiveMs
    ? `last active ${new Date(lastActiveMs).toLocaleTimeString()}`
    : '';
  item.append(dot, `${userId} · ${status.toLowerCase()}`, seen);
  return item;
}

function say(problem: string): void {
  element('problem').textContent = problem;
}

// Last, when everything is there.
const { user } = Object.fromEntries(new URLSearchParams(location.search));
if (user) {
  field('user').value = user;
  login.requestSubmit();
}
