/** Watches users while their rows are on screen: who has too many followers to be pushed costs nothing while unseen. */

export interface OnScreenOptions {
  /** @returns what ends it */
  readonly watch: (userId: string) => () => void;
}

interface Watched {
  readonly userId: string;
  isInView: boolean;
  /** Set while watching. */
  stop: (() => void) | undefined;
}

export interface OnScreen {
  /** Idempotent. */
  add(row: Element, userId: string): void;
  remove(row: Element): void;
}

export function createOnScreen({ watch }: OnScreenOptions): OnScreen {
  const rows = new Map<Element, Watched>();

  const settle = (row: Watched): void => {
    const isSeen = row.isInView && document.visibilityState === 'visible';
    if (isSeen) row.stop ??= watch(row.userId);
    else stopWatching(row);
  };
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const row = rows.get(target);
      if (!row) continue;
      row.isInView = isIntersecting;
      settle(row);
    }
  });
  document.addEventListener('visibilitychange', () => {
    for (const row of rows.values()) settle(row);
  });
  return {
    add(row, userId) {
      if (rows.has(row)) return;
      rows.set(row, { userId, isInView: false, stop: undefined });
      observer.observe(row);
    },
    remove(row) {
      const watched = rows.get(row);
      if (!watched) return;
      rows.delete(row);
      observer.unobserve(row);
      stopWatching(watched);
    },
  };
}

function stopWatching(row: Watched): void {
  row.stop?.();
  row.stop = undefined;
}
