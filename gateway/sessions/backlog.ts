/** What a client that does not keep up is still to be told: of each subject the newest only. */
import type { Presence } from '../../gen/presence/v1/presence.ts';
import type { ServerMessage } from '../protocol/server-frames.ts';
import { MAX_PRESENCES } from '../protocol/snapshot-frames.ts';
import type { SubjectChange } from '../protocol/subject-change.ts';

/** Bounded by the number of subjects that a viewer is told of. */
export class Backlog {
  readonly #bySubject = new Map<string, Presence | undefined>();

  get size(): number {
    return this.#bySubject.size;
  }

  /**
   * A record may come twice and late, so of two presences the higher version stays. This compares what waits for one
   * client with what comes for the same one; it is no filter on what was sent before.
   * @returns whether one of two was dropped.
   */
  put({ subjectUserId, presence }: SubjectChange): boolean {
    const isSecond = this.#bySubject.has(subjectUserId);
    const waiting = this.#bySubject.get(subjectUserId);
    if (waiting && presence && waiting.version > presence.version) return true;
    this.#bySubject.set(subjectUserId, presence);
    return isSecond;
  }

  /** Takes out the oldest subjects as one or two frames; none when empty. */
  take(): ServerMessage[] {
    const presences: Presence[] = [];
    const userIds: string[] = [];
    for (const [subject, presence] of this.#bySubject) {
      if (presences.length + userIds.length === MAX_PRESENCES) break;
      if (presence) presences.push(presence);
      else userIds.push(subject);
      this.#bySubject.delete(subject);
    }
    const messages: ServerMessage[] = [];
    if (presences.length > 0) messages.push({ $case: 'update', value: { presences } });
    if (userIds.length > 0) messages.push({ $case: 'removed', value: { userIds } });
    return messages;
  }
}
