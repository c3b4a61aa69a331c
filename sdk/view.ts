/**
 * Whom the user sees, by the rules of docs/protocol.md: the higher version is right; a snapshot replaces everything,
 * but does not undo an update that came since the session was opened; removed removes.
 */
import { isNewer, type Presence } from './presence.ts';

export interface PresenceChange {
  readonly userId: string;
  /** Undefined: the user is not seen any more. */
  readonly presence: Presence | undefined;
  /** Undefined: the user was not seen before. */
  readonly previous: Presence | undefined;
}

/** Every change says who is seen differently now. */
export class View {
  readonly #presences = new Map<string, Presence>();
  /** What updates brought since the session was opened: a snapshot may have been read before that. */
  readonly #fresh = new Map<string, Presence>();

  get presences(): ReadonlyMap<string, Presence> {
    return this.#presences;
  }

  /** A session is being opened. From now on updates may be newer than the next snapshot. */
  renew(): void {
    this.#fresh.clear();
  }

  update(presences: readonly Presence[]): PresenceChange[] {
    return presences.flatMap((presence) => {
      const known = this.#presences.get(presence.userId);
      if (known && !isNewer(presence.version, known.version)) return [];
      this.#fresh.set(presence.userId, presence);
      return this.#set(presence);
    });
  }

  remove(userIds: readonly string[]): PresenceChange[] {
    return userIds.flatMap((userId) => {
      const previous = this.#presences.get(userId);
      this.#fresh.delete(userId);
      this.#presences.delete(userId);
      return previous ? { userId, presence: undefined, previous } : [];
    });
  }

  /** A whole snapshot, all its parts. */
  replace(snapshot: readonly Presence[]): PresenceChange[] {
    const seen = new Set(snapshot.map(({ userId }) => userId));
    const gone = this.remove([...this.#presences.keys()].filter((userId) => !seen.has(userId)));
    return [...gone, ...snapshot.flatMap((presence) => this.#set(this.#fresher(presence)))];
  }

  /** Who is seen as before keeps the same object, so that a user interface has nothing to draw. */
  #set(presence: Presence): PresenceChange[] {
    const { userId } = presence;
    const previous = this.#presences.get(userId);
    if (previous && isSame(presence, previous)) return [];
    this.#presences.set(userId, presence);
    return [{ userId, presence, previous }];
  }

  #fresher(presence: Presence): Presence {
    const fresh = this.#fresh.get(presence.userId);
    return fresh && isNewer(fresh.version, presence.version) ? fresh : presence;
  }
}

const isSame = (a: Presence, b: Presence): boolean =>
  a.version === b.version &&
  a.status === b.status &&
  a.lastActiveMs === b.lastActiveMs &&
  a.mode === b.mode;
