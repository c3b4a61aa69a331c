/**
 * Expirations of one shard, as Redis announces them: hints to look at users the index of deadlines may not know. Every
 * look at a due user makes Redis announce that user's key, so hints about users looked at lately say nothing new.
 */
import type { Clock } from '../lib/clock.ts';

export interface Expirations {
  hint(userId: string): void;
  /** Whether there are hints that were not looked at. */
  isWaiting(): boolean;
  /** Users to look at now, at most `limit`: those due, then those hinted at. They count as looked at. */
  toLookAt(due: readonly string[], limit: number): readonly string[];
}

/** How long a user looked at is remembered, ms; at most twice as long. */
const REMEMBER_MS = 1000;

export function createExpirations(clock: Clock): Expirations {
  const hinted = new Set<string>();
  let recent = new Set<string>();
  let before = new Set<string>();
  let turnedAtMs = clock.monotonic();

  const turn = (): void => {
    if (clock.monotonic() - turnedAtMs < REMEMBER_MS) return;
    before = recent;
    recent = new Set();
    turnedAtMs = clock.monotonic();
  };
  return {
    hint(userId) {
      turn();
      if (!recent.has(userId) && !before.has(userId)) hinted.add(userId);
    },
    isWaiting: () => hinted.size > 0,
    toLookAt(due, limit) {
      if (due.length === 0 && hinted.size === 0) return due;
      turn();
      const users = [...new Set([...due, ...hinted])].slice(0, limit);
      for (const userId of users) {
        hinted.delete(userId);
        recent.add(userId);
      }
      return users;
    },
  };
}
