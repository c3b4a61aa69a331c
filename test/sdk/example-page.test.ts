/** The example page as it is served: a person opens it, sees a friend come, and says that they are busy. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { Window, type Element } from 'happy-dom';
import { WebSocket } from 'ws';
import { addressOf, join as enter, startInProcessMesh } from '../gateway/in-process-mesh.ts';
import { eventually } from '../support/eventually.ts';
import { packageRoot } from '../support/package-root.ts';

const PAGE = join(packageRoot(), 'examples', 'page');
const window = new Window({ url: 'http://127.0.0.1/?user=alice' });
const { document } = window;

afterAll(() => window.happyDOM.close());

function find<T extends Element>(selector: string, type: new () => T): T {
  const found = document.querySelector(selector);
  if (found instanceof type) return found;
  throw new Error(`no ${selector}`);
}

const textOf = (id: string): string => find(`#${id}`, window.HTMLElement).textContent;

test('friends appear, a choice is made, and it ends with a log-out; a wrong address is told', async () => {
  await using mesh = await startInProcessMesh();
  const gateway = await mesh.addGateway();
  await mesh.befriend('alice', 'bob');
  document.write(readFileSync(join(PAGE, 'index.html'), 'utf8'));
  find('[name=url]', window.HTMLInputElement).value = `ws://${addressOf(gateway)}`;
  // As a browser would, but for its own WebSocket. Not a literal: what it imports is typed for browsers.
  Object.assign(globalThis, { document, location: window.location, WebSocket });
  await import(join(PAGE, 'main.ts'));

  await eventually(() => expect(textOf('friends')).toContain('bob · offline'));
  await eventually(() => expect(textOf('connection')).toBe('live'));
  using bob = await enter(gateway, 'bob');
  await eventually(() => expect(textOf('friends')).toContain('bob · online'));
  const status = find('#status', window.HTMLSelectElement);
  status.value = 'BUSY';
  status.dispatchEvent(new window.Event('change'));
  await bob.sees('alice', 'STATUS_BUSY');
  find('#logout', window.HTMLElement).click();
  await bob.sees('alice', 'STATUS_OFFLINE');
  await eventually(() => expect(textOf('problem')).toBe('Closed: logged out (1000)'));
  const login = find('#login', window.HTMLFormElement);
  expect(login.hidden).toBe(false);
  find('[name=url]', window.HTMLInputElement).value = 'nowhere';
  login.requestSubmit();
  expect(textOf('problem')).toContain('give one like wss://presence.example.com');
  expect(login.hidden).toBe(false);
});
