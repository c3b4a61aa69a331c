/** The requests that the in-process store holds: found by who waits and by whom for, and dropped once too old. */
import type { NotificationRequest } from './notification-store.ts';

type Named = Pick<NotificationRequest, 'subjectUserId' | 'viewerUserId' | 'subscription'>;
type Requests = Map<string, NotificationRequest>;

export class MemoryRequests {
  /** In the order in which they were asked, which is that in which they end. */
  readonly #all: Requests = new Map();
  readonly #bySubject = new Map<string, Requests>();
  readonly #byViewer = new Map<string, Requests>();

  has(request: Named): boolean {
    return this.#all.has(keyOf(request));
  }

  /** The oldest first. */
  ofSubject(userId: string): NotificationRequest[] {
    return [...(this.#bySubject.get(userId)?.values() ?? [])];
  }

  /** The oldest first. */
  ofViewer(userId: string): NotificationRequest[] {
    return [...(this.#byViewer.get(userId)?.values() ?? [])];
  }

  countOfSubject(userId: string): number {
    return this.#bySubject.get(userId)?.size ?? 0;
  }

  countOfViewer(userId: string): number {
    return this.#byViewer.get(userId)?.size ?? 0;
  }

  /** As the newest, in place of the same one. */
  put(request: NotificationRequest): void {
    this.delete(request);
    const key = keyOf(request);
    this.#all.set(key, request);
    groupOf(this.#bySubject, request.subjectUserId).set(key, request);
    groupOf(this.#byViewer, request.viewerUserId).set(key, request);
  }

  /** False when it was not there. */
  delete(request: Named): boolean {
    const key = keyOf(request);
    removeFrom(this.#bySubject, request.subjectUserId, key);
    removeFrom(this.#byViewer, request.viewerUserId, key);
    return this.#all.delete(key);
  }

  dropAskedBefore(sinceMs: number): void {
    for (const request of this.#all.values()) {
      if (request.askedAtMs >= sinceMs) return;
      this.delete(request);
    }
  }
}

/** No user id has a space. */
const keyOf = ({ subjectUserId, viewerUserId, subscription }: Named): string =>
  `${subjectUserId} ${viewerUserId} ${subscription.endpoint}`;

function groupOf(groups: Map<string, Requests>, userId: string): Requests {
  const group = groups.get(userId) ?? new Map<string, NotificationRequest>();
  groups.set(userId, group);
  return group;
}

function removeFrom(groups: Map<string, Requests>, userId: string, key: string): void {
  const group = groups.get(userId);
  group?.delete(key);
  if (group?.size === 0) groups.delete(userId);
}
