/** How long changes took to get here, as bars in a table: a plot to look at, numbers to be read out. */
import { make, table } from './dom.ts';

export interface Propagation {
  readonly boundsSeconds: readonly number[];
  readonly counts: readonly number[];
}

export function propagationOf({ boundsSeconds, counts }: Propagation): HTMLElement {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return make('p', 'faint', 'Nothing has been delivered here yet.');
  const first = counts.findIndex(Boolean);
  const end = counts.length - [...counts].reverse().findIndex(Boolean);
  const highest = Math.max(...counts);
  const rows = counts.slice(first, end).map((count, i) => {
    const bucket = nameOf(boundsSeconds, first + i);
    return [bucket, String(count), bar(count / highest)];
  });
  return make(
    'div',
    '',
    make('p', '', summaryOf({ boundsSeconds, counts }, total)),
    table('Changes by the time they took', ['Took', 'Changes', 'Share of the most'], rows),
  );
}

function summaryOf({ boundsSeconds, counts }: Propagation, total: number): string {
  const within = (share: number): string => {
    let sum = 0;
    const bucket = counts.findIndex((count) => (sum += count) >= share * total);
    const bound = boundsSeconds[bucket];
    return bound === undefined ? 'longer than measured' : `within ${milliseconds(bound)}`;
  };
  const changes = total === 1 ? '1 change' : `${total} changes`;
  return `${changes} since this gateway started: half ${within(0.5)}, 99 % ${within(0.99)}.`;
}

function nameOf(bounds: readonly number[], bucket: number): string {
  const bound = bounds[bucket];
  if (bound === undefined) return `over ${milliseconds(bounds.at(-1) ?? 0)}`;
  return `up to ${milliseconds(bound)}`;
}

const milliseconds = (seconds: number): string => `${+(seconds * 1000).toFixed(1)} ms`;

function bar(share: number): HTMLElement {
  const drawn = make('div', 'bar');
  drawn.style.width = `${share * 100}%`;
  return drawn;
}
