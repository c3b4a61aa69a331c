/** The hooks, drawn by React into a document without a browser. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Window, type HTMLElement } from 'happy-dom';
import { act, createElement, StrictMode, type ReactNode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import type { PresenceClient } from '../../sdk/index.ts';
import { PresenceProvider, useConnection, usePresence, usePresences } from '../../sdk/react.ts';
import { settled, startRig, wire } from './fake-socket.ts';

/** React looks for these: the page, and whether what it draws is waited for. */
const page = globalThis as {
  window?: object;
  IS_REACT_ACT_ENVIRONMENT?: boolean;
};
let window: Window;
let element: HTMLElement;
let root: Root;

beforeEach(() => {
  window = new Window();
  page.window = window;
  page.IS_REACT_ACT_ENVIRONMENT = true;
  element = window.document.createElement('main');
  root = createRoot(element);
});

afterEach(async () => {
  act(() => root.unmount());
  delete page.window;
  await window.happyDOM.close();
});

function Friend({ userId }: { userId: string }): ReactNode {
  return usePresence(userId)?.status ?? 'not seen';
}

function Count(): ReactNode {
  return `${usePresences().size} seen`;
}

function Badge(): ReactNode {
  return useConnection().isStale ? 'stale' : 'live';
}

const screen = (client: PresenceClient, ...children: ReactNode[]) =>
  createElement(PresenceProvider, { client }, ...children);

async function draw(node: ReactNode): Promise<void> {
  await act(async () => {
    root.render(node);
    await settled();
  });
}

const shown = (): string[] => [...element.childNodes].map(({ textContent }) => textContent);

test('components show what changes, and only those are drawn again', async () => {
  const { client, socket } = startRig();
  let draws = 0;
  function Counted(): ReactNode {
    draws++;
    return createElement(Friend, { userId: 'dave' });
  }
  await draw(
    screen(
      client,
      createElement(Friend, { key: 'bob', userId: 'bob' }),
      createElement(Count, { key: 'count' }),
      createElement(Badge, { key: 'badge' }),
      createElement(Counted, { key: 'counted' }),
    ),
  );
  expect(shown()).toEqual(['not seen', '0 seen', 'stale', 'not seen']);
  const first = await socket();
  act(() => first.serves(wire('bob', 1), wire('carol', 1)));
  expect(shown()).toEqual(['ONLINE', '2 seen', 'live', 'not seen']);
  act(() => first.updates(wire('bob', 2, { status: 'STATUS_BUSY' })));
  expect(shown()).toEqual(['BUSY', '2 seen', 'live', 'not seen']);
  expect(draws).toBe(1);
  act(() => first.closes());
  expect(shown()).toEqual(['BUSY', '2 seen', 'stale', 'not seen']);
  act(() => root.unmount());
  expect(client.getConnection().state).toBe('closed');
});

test('in strict mode, where React mounts everything twice, there is one connection, and it stays', async () => {
  const { client, socket } = startRig();
  const bob = createElement(Friend, { userId: 'bob' });
  await draw(createElement(StrictMode, null, screen(client, bob)));
  const only = await socket(1);
  act(() => only.serves(wire('bob', 1)));
  expect(shown()).toEqual(['ONLINE']);
  expect(client.getConnection()).toMatchObject({ state: 'online', isStale: false });
});

test('a celebrity is watched while on screen', async () => {
  const { client, clock, socket } = startRig();
  const star = createElement(Friend, { key: 'star', userId: 'star' });
  await draw(screen(client, star));
  const first = await socket();
  act(() => first.serves(wire('star', 1, { mode: 'MODE_PULL' })));
  act(() => clock.advance(50));
  expect(first.sent.at(-1)).toEqual({ watch: { userIds: ['star'] } });
  await draw(screen(client));
  act(() => clock.advance(50));
  expect(first.sent.at(-1)).toEqual({ unwatch: { userIds: ['star'] } });
});

test('a hook without a provider says what is missing', async () => {
  await expect(draw(createElement(Badge))).rejects.toThrow('There is no PresenceProvider');
});
