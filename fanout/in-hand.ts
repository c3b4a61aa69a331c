/** Entries being delivered, and which of them a later one of the same subject makes needless: pure bookkeeping. */
import type { OutboxEntry, Quiet } from '../store/presence-store.ts';

export interface InHand {
  readonly entry: OutboxEntry;
  /** When it was taken in hand, by the worker's monotonic clock, ms. */
  readonly takenAtMs: number;
  /** Traceparent of what is done with it. */
  readonly trace: string;
  /** A later entry tells everyone whom this one would tell: gateways need not hear of it. */
  superseded: boolean;
  /** It left the outbox undelivered, or this worker stops: no more effort. */
  abandoned: boolean;
  /** Acknowledged in the outbox, or given up; kept until no reply under way can show it again. */
  finished: boolean;
  /** Settles when its messages are on their way: what the subject's next entry waits for. */
  planned: Promise<unknown>;
}

/**
 * Whether `later` tells everyone whom `earlier` tells, of the same subject, with a higher version.
 * - A transition goes to everyone who is pushed to: the next transition replaces it. An announcement does not, it is
 *   for few.
 * - An announcement is for the viewers it names, among them ones no transition reaches (they look up, or the subject
 *   is hidden from them or gone from their view): only an announcement that names them all replaces it, and a quiet
 *   one, of which some hear nothing, replaces none of which more hear. One that renews their view is replaced by its
 *   like alone: whatever else they are told may have the version they have.
 */
export function covers(later: OutboxEntry, earlier: OutboxEntry): boolean {
  if (earlier.only.length === 0) return later.only.length === 0;
  if (earlier.quiet === 'VIEW' && later.quiet !== 'VIEW') return false;
  if (LOUDNESS[later.quiet ?? 'NONE'] < LOUDNESS[earlier.quiet ?? 'NONE']) return false;
  return later.only.length > 0 && earlier.only.every((userId) => later.only.includes(userId));
}

const LOUDNESS: Record<Quiet | 'NONE', number> = { ALL: 0, VIEW: 0, PULLED: 1, NONE: 2 };

export interface Subjects {
  /** Takes the entry in after all others of its subject. @returns the one before it. */
  add(item: InHand): InHand | undefined;
  remove(item: InHand): void;
}

export function createSubjects(): Subjects {
  const bySubject = new Map<string, InHand[]>();
  return {
    add(item) {
      const { userId } = item.entry.settled;
      const earlier = bySubject.get(userId);
      if (!earlier) {
        bySubject.set(userId, [item]);
        return undefined;
      }
      for (const one of earlier) one.superseded ||= covers(item.entry, one.entry);
      earlier.push(item);
      return earlier.at(-2);
    },
    remove(item) {
      const { userId } = item.entry.settled;
      const rest = bySubject.get(userId)?.filter((one) => one !== item) ?? [];
      if (rest.length > 0) bySubject.set(userId, rest);
      else bySubject.delete(userId);
    },
  };
}
