/** All sessions of this gateway. */
import type { Session } from './session.ts';

export interface Hub {
  readonly size: number;
  /** False when the user has as many sessions here as one may have; the session is not added then. */
  add(session: Session): boolean;
  remove(session: Session): void;
  /** Sessions of one user; do not keep the array. */
  sessionsOf(userId: string): readonly Session[];
  /** `visit` may close sessions. */
  forEach(visit: (session: Session) => void): void;
}

const NONE: readonly Session[] = [];

export function createHub(maxSessionsAUser: number): Hub {
  const byUser = new Map<string, Session[]>();
  let size = 0;
  return {
    get size() {
      return size;
    },
    add(session) {
      const sessions = byUser.get(session.userId);
      if (sessions && sessions.length >= maxSessionsAUser) return false;
      // A new array each time: someone may be going through the old one.
      byUser.set(session.userId, [...(sessions ?? NONE), session]);
      size++;
      return true;
    },
    remove(session) {
      const sessions = byUser.get(session.userId);
      if (!sessions?.includes(session)) return;
      size--;
      const rest = sessions.filter((other) => other !== session);
      if (rest.length > 0) byUser.set(session.userId, rest);
      else byUser.delete(session.userId);
    },
    sessionsOf: (userId) => byUser.get(userId) ?? NONE,
    forEach(visit) {
      for (const sessions of [...byUser.values()]) sessions.forEach(visit);
    },
  };
}
