/** What changed, the newest first, and read out by screen readers as it comes. */
import type { PresenceChange } from '../sdk/index.ts';
import { find, make, time } from './dom.ts';

const KEPT = 50;

export interface Changes {
  add(change: PresenceChange, atMs: number): void;
  clear(): void;
}

export function createChanges(): Changes {
  const list = find('changes', HTMLDivElement);
  return {
    add(change, atMs) {
      const words = wordsOf(change);
      if (words === undefined) return;
      list.prepend(make('p', '', time(atMs, { withDate: false }), words));
      while (list.children.length > KEPT) list.lastElementChild?.remove();
      // Where it scrolls, by keyboard, too.
      list.tabIndex = list.scrollHeight > list.clientHeight ? 0 : -1;
    },
    clear: () => list.replaceChildren(),
  };
}

/** Undefined: nothing that a person would call a change. */
function wordsOf({ userId, presence, previous }: PresenceChange): string | undefined {
  if (!presence) return `${userId} is not seen any more`;
  if (!previous || previous.status === presence.status) return undefined;
  return `${userId} is ${presence.status.toLowerCase()}`;
}
