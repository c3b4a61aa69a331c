/** Coming in: with the name of a user where the gateway believes names, else with a token. */
import { find } from './dom.ts';

type Auth = 'dev' | 'jwt';

const WORDS = {
  dev: {
    label: 'User',
    help: 'This gateway believes any name (MESH_AUTH=dev). Be another user in another window.',
    type: 'text',
    pattern: '[A-Za-z0-9_.:@\\-]{1,128}',
  },
  jwt: {
    label: 'Token',
    help: 'A JWT, as npx mesh token USER prints it. It is kept in this page only, until it is closed.',
    type: 'password',
    pattern: '\\S+',
  },
} as const;

export interface Login {
  readonly auth: Auth;
  readonly onToken: (token: string) => void;
}

/** Shows the form. With `?user=alice`, a user is in at once: for windows side by side. */
export function setUpLogin({ auth, onToken }: Login): void {
  const form = find('login', HTMLFormElement);
  const input = find('credential', HTMLInputElement);
  const words = WORDS[auth];
  find('credential-label', HTMLLabelElement).textContent = words.label;
  find('credential-help', HTMLParagraphElement).textContent = words.help;
  Object.assign(input, { type: words.type, pattern: words.pattern });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const credential = input.value.trim();
    if (auth === 'jwt') input.value = '';
    onToken(auth === 'dev' ? `dev:${credential}` : credential);
  });
  showLogin();
  const user = new URLSearchParams(location.search).get('user');
  if (auth !== 'dev' || user === null) return;
  input.value = user;
  form.requestSubmit();
}

export function showLogin(): void {
  find('login', HTMLFormElement).hidden = false;
  find('session', HTMLDivElement).hidden = true;
  find('who', HTMLParagraphElement).hidden = true;
  find('credential', HTMLInputElement).focus();
}

export function hideLogin(): void {
  find('login', HTMLFormElement).hidden = true;
  find('session', HTMLDivElement).hidden = false;
  find('who', HTMLParagraphElement).hidden = false;
}
