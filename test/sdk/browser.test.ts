/** What is heard of a page. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Window } from 'happy-dom';
import { browserActivity, browserWakeUps, type Scope } from '../../sdk/browser.ts';
import type { Signal } from '../../sdk/index.ts';

let window: Window;

beforeEach(() => {
  window = new Window();
});

afterEach(() => window.happyDOM.close());

/** Which of the events is heard, and that none is once it has ended. */
function heard(signal: Signal | undefined, events: readonly [EventTarget: object, type: string][]) {
  const told: string[] = [];
  let current = '';
  const stop = signal?.(() => told.push(current));
  const dispatch = (): void => {
    for (const [target, type] of events) {
      current = type;
      (target as Window).dispatchEvent(new window.Event(type));
    }
  };
  dispatch();
  stop?.();
  const before = told.length;
  dispatch();
  expect(told).toHaveLength(before);
  return told;
}

test('somebody is there: mouse, keys, touch, wheel', () => {
  const { document } = window;
  const types = ['mousemove', 'mousedown', 'keydown', 'touchstart', 'wheel', 'scroll'];
  const signal = browserActivity(window);
  expect(
    heard(
      signal,
      types.map((type) => [document, type]),
    ),
  ).toEqual(types.slice(0, -1));
});

test('somebody is there, and it is time to try: the page comes to the front', () => {
  const listeners = new Set<() => void>();
  const document = {
    visibilityState: 'visible',
    addEventListener: (type: string, listener: () => void) => {
      if (type === 'visibilitychange') listeners.add(listener);
    },
    removeEventListener: (_type: string, listener: () => void) => {
      listeners.delete(listener);
    },
  };
  const scope: Scope = { ...document, document };
  for (const signal of [browserActivity(scope), browserWakeUps(scope)]) {
    let told = 0;
    const stop = signal?.(() => told++);
    document.visibilityState = 'hidden';
    listeners.forEach((listener) => listener());
    expect(told).toBe(0);
    document.visibilityState = 'visible';
    listeners.forEach((listener) => listener());
    expect(told).toBe(1);
    stop?.();
    expect(listeners.size).toBe(0);
  }
});

test('it is time to try: the network is back, the page is taken from the cache', () => {
  const types = ['online', 'pageshow', 'offline'];
  const signal = browserWakeUps(window);
  expect(
    heard(
      signal,
      types.map((type) => [window, type]),
    ),
  ).toEqual(['online', 'pageshow']);
});

test('outside a browser there is nothing to hear', () => {
  expect(browserActivity()).toBeUndefined();
  expect(browserWakeUps()).toBeUndefined();
});
