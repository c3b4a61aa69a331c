/**
 * Users as read from the graph, kept with the revision they were read at.
 *
 * What makes an old entry harmless is the revision asked for: every change of an edge is announced, announcing raises
 * the revision of both users where sessions are registered and transitions settled, and whoever asks passes it on. So
 * a process need not hear of the others' changes. Loads are not announced: whoever sees one forgets everything. The
 * age bound is for revisions that were lost with the memory they were kept in.
 */
import type { Clock } from '../lib/clock.ts';
import type { UserNode } from './audience.ts';
import type { GraphStore } from './graph-store.ts';

export interface UserReader {
  /** For the user's audience. */
  asSubject(userId: string, minRevision: number): Promise<UserNode>;
  /** For the user's contacts. */
  asViewer(userId: string, minRevision: number): Promise<UserNode>;
  forget(...userIds: readonly string[]): void;
  forgetAll(): void;
}

export interface UserCacheOptions {
  readonly store: Pick<GraphStore, 'user'>;
  readonly clock: Clock;
  /** Edges kept in all, about 40 bytes each. */
  readonly maxEdges: number;
  /** No entry serves longer. */
  readonly maxAgeMs: number;
}

interface Entry {
  readonly node: UserNode;
  readonly readAt: number;
}

/** A friend costs one; the user themselves too. */
const weightOf = ({ friends, follows, followers, hidden }: UserNode): number =>
  1 + friends.length + follows.length + followers.length + hidden.size;

export function createUserCache(options: UserCacheOptions): UserReader {
  const { store, clock } = options;
  const entries = createWeightedLru(options.maxEdges);
  const reading = new Map<string, Promise<UserNode>>();
  let forgotten = 0;

  const read = async (userId: string, minRevision: number): Promise<UserNode> => {
    const since = forgotten;
    const readAt = clock.monotonic();
    const node = await store.user(userId, minRevision);
    if (since === forgotten && isSettled(node)) entries.set(userId, { node, readAt });
    return node;
  };
  /** A user who has just come online is asked for twice at once: as viewer and as subject. */
  const readOnce = async (userId: string, minRevision: number): Promise<UserNode> => {
    const running = reading.get(userId);
    if (running) {
      const node = await running;
      if (node.revision >= minRevision) return node;
    }
    const own = read(userId, minRevision).finally(() => {
      if (reading.get(userId) === own) reading.delete(userId);
    });
    reading.set(userId, own);
    return own;
  };
  const kept = (userId: string, minRevision: number): UserNode | undefined => {
    const entry = entries.get(userId);
    if (!entry || entry.node.revision < minRevision) return undefined;
    return clock.monotonic() - entry.readAt <= options.maxAgeMs ? entry.node : undefined;
  };
  return {
    asSubject: async (userId, minRevision) =>
      kept(userId, minRevision) ?? readOnce(userId, minRevision),
    async asViewer(userId, minRevision) {
      const node = kept(userId, minRevision);
      // The mode of those they follow changes without any change of the follower's own revision.
      return node?.follows.length === 0 ? node : readOnce(userId, minRevision);
    },
    forget(...userIds) {
      forgotten++;
      for (const userId of userIds) entries.delete(userId);
    },
    forgetAll() {
      forgotten++;
      entries.clear();
    },
  };
}

/** What a block showed last is stored a moment after it, and no revision tells of that. */
function isSettled({ hidden }: UserNode): boolean {
  for (const { frozen } of hidden.values()) if (!frozen) return false;
  return true;
}

/** Least recently used first out, by weight. */
function createWeightedLru(maxWeight: number) {
  const entries = new Map<string, Entry>();
  let weight = 0;
  const remove = (userId: string): void => {
    const entry = entries.get(userId);
    if (!entry) return;
    weight -= weightOf(entry.node);
    entries.delete(userId);
  };
  return {
    get(userId: string): Entry | undefined {
      const entry = entries.get(userId);
      if (!entry) return undefined;
      entries.delete(userId);
      entries.set(userId, entry);
      return entry;
    },
    set(userId: string, entry: Entry): void {
      remove(userId);
      entries.set(userId, entry);
      weight += weightOf(entry.node);
      for (const oldest of entries.keys()) {
        if (weight <= maxWeight) return;
        remove(oldest);
      }
    },
    delete: remove,
    clear(): void {
      entries.clear();
      weight = 0;
    },
  };
}
