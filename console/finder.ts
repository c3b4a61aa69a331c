/** Finds people by name, where there are more than one reads at a glance. */
import { find } from './dom.ts';

/** Fewer are seen at once, without. */
const MANY = 12;

export interface Finder {
  /** People have come or gone. */
  refresh(): void;
}

/** Shows, of a list's rows, those whose user's id has in it what was typed. */
export function createFinder(list: HTMLUListElement): Finder {
  const box = find('finder', HTMLDivElement);
  const input = find('find', HTMLInputElement);

  const refresh = (): void => {
    const all = [...list.children].filter((row) => row instanceof HTMLLIElement);
    box.hidden = all.length <= MANY;
    // It may scroll then: by keyboard, too.
    list.tabIndex = box.hidden ? -1 : 0;
    if (box.hidden) input.value = '';
    const wanted = input.value.trim().toLowerCase();
    const isWanted = ({ dataset }: HTMLLIElement): boolean =>
      (dataset['userId'] ?? '').toLowerCase().includes(wanted);
    for (const row of all) row.hidden = !isWanted(row);
    sayFound(all.filter(({ hidden }) => !hidden).length, wanted);
  };
  input.addEventListener('input', refresh);
  return { refresh };
}

/** Read out by screen readers when it changes. */
function sayFound(found: number, wanted: string): void {
  const words = wanted ? `${found} with “${wanted}” in the name` : '';
  const place = find('nobody-found', HTMLParagraphElement);
  if (place.textContent !== words) place.textContent = words;
}
