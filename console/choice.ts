/** What the user chose, for all their devices. */
import type { Choice } from '../sdk/index.ts';
import { find } from './dom.ts';

/** Calls back when the user chooses; undefined: by activity. @returns shows a choice made here or elsewhere */
export function setUpChoice(
  onChoice: (choice: Choice | undefined) => void,
): (choice: Choice | undefined) => void {
  const form = find('choice', HTMLFormElement);
  const radios = form.elements.namedItem('status') as RadioNodeList;
  form.addEventListener('change', () =>
    onChoice((radios.value || undefined) as Choice | undefined),
  );
  form.addEventListener('submit', (event) => event.preventDefault());
  return (choice) => {
    radios.value = choice ?? '';
  };
}
