/** Whom the user sees: a row each, which stays the same element while they are seen, so that focus and scroll do too. */
import type { Presence } from '../sdk/index.ts';
import { find, make, time } from './dom.ts';
import { createFinder } from './finder.ts';
import type { Notifications } from './notifications.ts';

interface Row {
  readonly element: HTMLLIElement;
  readonly button: HTMLButtonElement;
  update(presence: Presence): void;
}

export interface PeopleOptions {
  /** A row in pull mode has come, or one has gone: it is to be watched while it is on screen, or not any more. */
  readonly onPulled: (row: HTMLElement, userId: string) => void;
  readonly onGone: (row: HTMLElement) => void;
  /** A button for each. */
  readonly notifications: Pick<Notifications, 'buttonFor' | 'forget' | 'update'>;
}

export interface People {
  update(presences: ReadonlyMap<string, Presence>): void;
  clear(): void;
}

export function createPeople({ onPulled, onGone, notifications }: PeopleOptions): People {
  const list = find('people', HTMLUListElement);
  const rows = new Map<string, Row>();
  const finder = createFinder(list);

  const drop = (userId: string, { element, button }: Row): void => {
    rows.delete(userId);
    notifications.forget(button);
    element.remove();
    onGone(element);
  };
  const add = (presence: Presence): Row => {
    const row = createRow(presence.userId, notifications);
    rows.set(presence.userId, row);
    list.insertBefore(row.element, successor(list, presence.userId));
    return row;
  };
  const update = (presences: ReadonlyMap<string, Presence>): void => {
    for (const [userId, row] of rows) if (!presences.has(userId)) drop(userId, row);
    for (const presence of presences.values()) {
      const row = rows.get(presence.userId) ?? add(presence);
      row.update(presence);
      if (presence.mode === 'PULL') onPulled(row.element, presence.userId);
      else onGone(row.element);
    }
    find('count', HTMLElement).textContent = countOf(presences);
    find('nobody', HTMLParagraphElement).hidden = presences.size > 0;
    finder.refresh();
  };
  return { update, clear: () => update(new Map()) };
}

/** By name: whoever reads the list finds everyone where they were. */
function successor(list: HTMLUListElement, userId: string): Element | null {
  const rows = [...list.children] as HTMLLIElement[];
  return rows.find((row) => (row.dataset['userId'] ?? '') > userId) ?? null;
}

function countOf(presences: ReadonlyMap<string, Presence>): string {
  if (presences.size === 0) return '';
  const here = [...presences.values()].filter(({ status }) => status !== 'OFFLINE').length;
  return `${here} of ${presences.size} here`;
}

function createRow(userId: string, notifications: PeopleOptions['notifications']): Row {
  const dot = make('span', 'dot');
  dot.setAttribute('aria-hidden', 'true');
  const status = make('span', 'status');
  const detail = make('span', 'detail faint');
  const button = notifications.buttonFor(userId);
  const element = make('li', '', dot, make('span', 'name', userId), status, detail, button);
  element.dataset['userId'] = userId;
  let shown: Presence | undefined;
  return {
    ...{ element, button },
    update(presence) {
      if (presence === shown) return;
      shown = presence;
      dot.className = `dot ${presence.status}`;
      status.textContent = presence.status.toLowerCase();
      detail.replaceChildren(...detailOf(presence));
      notifications.update(button, presence);
    },
  };
}

function detailOf({ lastActiveMs, mode }: Presence): (Node | string)[] {
  const seen: (Node | string)[] =
    lastActiveMs === undefined
      ? ['never seen']
      : ['last active ', time(lastActiveMs, { withDate: true })];
  return mode === 'PULL' ? [...seen, ' · many followers: live while on screen'] : seen;
}
