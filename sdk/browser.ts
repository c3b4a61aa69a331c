/** What a browser tells of its user and its network. Elsewhere there is nothing to hear. */
import type { Signal } from './signal.ts';

interface Target {
  addEventListener(type: string, listener: () => void, options?: { passive: boolean }): void;
  removeEventListener(type: string, listener: () => void): void;
}

interface Page extends Target {
  readonly visibilityState?: string;
}

/** What of the global object is listened to; a window, or nothing of the kind. */
export interface Scope extends Partial<Target> {
  readonly document?: Page;
}

const SIGNS = ['mousemove', 'mousedown', 'keydown', 'touchstart', 'wheel'];

const heard =
  (target: Target, types: readonly string[]): Signal =>
  (notify) => {
    for (const type of types) target.addEventListener(type, notify, { passive: true });
    return () => {
      for (const type of types) target.removeEventListener(type, notify);
    };
  };

const shown =
  (page: Page): Signal =>
  (notify) =>
    heard(page, ['visibilitychange'])(() => {
      if (page.visibilityState === 'visible') notify();
    });

const either =
  (a: Signal, b: Signal): Signal =>
  (notify) => {
    const ends = [a(notify), b(notify)];
    return () => ends.forEach((end) => end());
  };

/** Somebody is at the device: mouse, keys, touch, or the page brought to the front. */
export function browserActivity({ document }: Scope = globalThis as Scope): Signal | undefined {
  return document && either(heard(document, SIGNS), shown(document));
}

/** It may be worth trying again at once: the network is back, or the page was brought to the front. */
export function browserWakeUps(scope: Scope = globalThis as Scope): Signal | undefined {
  const { document } = scope;
  if (!document || !isTarget(scope)) return undefined;
  return either(heard(scope, ['online', 'pageshow']), shown(document));
}

const isTarget = (scope: Scope): scope is Scope & Target => scope.addEventListener !== undefined;
