/** Elements, found and made. Text goes in as text only: nothing here reads HTML. */

/** @throws when index.html has no such element: a mistake of ours. */
export function find<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`index.html has no ${kind.name} #${id}`);
}

type Child = Node | string;

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Scrolls sideways by itself, and so by keyboard too, where the window is narrow. */
export function table(
  title: string,
  headings: readonly string[],
  rows: readonly (readonly Child[])[],
): HTMLElement {
  const head = make('tr', '', ...headings.map(columnHeading));
  const body = rows.map((cells) => make('tr', '', ...cells.map((cell) => make('td', '', cell))));
  const element = make('table', '', make('thead', '', head), make('tbody', '', ...body));
  element.setAttribute('aria-label', title);
  const scroll = make('div', 'scroll', element);
  scroll.tabIndex = 0;
  scroll.setAttribute('role', 'region');
  scroll.setAttribute('aria-label', title);
  return scroll;
}

function columnHeading(text: string): HTMLTableCellElement {
  const heading = make('th', '', text);
  heading.scope = 'col';
  return heading;
}

/** Names and values. */
export function facts(pairs: readonly (readonly [string, string])[]): HTMLElement {
  return make(
    'dl',
    '',
    ...pairs.flatMap(([name, value]) => [make('dt', '', name), make('dd', '', value)]),
  );
}

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const DATE_AND_TIME = new Intl.DateTimeFormat(undefined, {
  dateStyle: 'medium',
  timeStyle: 'medium',
});

export function time(atMs: number, options: { readonly withDate: boolean }): HTMLTimeElement {
  const at = new Date(atMs);
  const element = make('time', '', (options.withDate ? DATE_AND_TIME : TIME).format(at));
  element.dateTime = at.toISOString();
  return element;
}
