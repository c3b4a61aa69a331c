/** Adapter: requests in this process, as part of the in-process store. */
import type { Clock } from '../lib/clock.ts';
import { checkBatch } from './checks.ts';
import { MemoryRequests } from './memory-requests.ts';
import type {
  Ask,
  AskOutcome,
  Cancellation,
  NotificationLimits,
  NotificationRequest,
} from './notification-store.ts';
import type { VisibleStatus } from './status.ts';

export interface MemoryNotificationsOptions {
  readonly clock: Clock;
  readonly limits: NotificationLimits;
  readonly statusOf: (userId: string) => VisibleStatus;
}

interface Window {
  readonly untilMs: number;
  pushes: number;
}

/** Every operation is done at once. */
export class MemoryNotifications {
  readonly #options: MemoryNotificationsOptions;
  readonly #requests = new MemoryRequests();
  /** By viewer, in the order in which they end: all are of one length. */
  readonly #windows = new Map<string, Window>();

  constructor(options: MemoryNotificationsOptions) {
    this.#options = options;
  }

  isAwaited(subjectUserId: string): boolean {
    return this.#alive().countOfSubject(subjectUserId) > 0;
  }

  ask({ whileHere, ...asked }: Ask): AskOutcome {
    const { limits, statusOf, clock } = this.#options;
    const { subjectUserId, viewerUserId } = asked;
    const alive = this.#alive();
    const isNew = !alive.has(asked);
    if (isNew && alive.countOfViewer(viewerUserId) >= limits.aViewer) return 'VIEWER_FULL';
    if (!whileHere && statusOf(subjectUserId) !== 'OFFLINE') return 'HERE';
    if (isNew && alive.countOfSubject(subjectUserId) >= limits.aSubject) return 'SUBJECT_FULL';
    alive.put({ ...asked, askedAtMs: clock.now() });
    return 'KEPT';
  }

  cancel({ subjectUserId, viewerUserId, endpoint }: Cancellation): number {
    const cancelled = this.listOf(viewerUserId).filter(
      (one) =>
        one.subjectUserId === subjectUserId &&
        (endpoint === undefined || one.subscription.endpoint === endpoint),
    );
    return this.claim(subjectUserId, cancelled).length;
  }

  listOf(viewerUserId: string): NotificationRequest[] {
    return this.#alive().ofViewer(viewerUserId);
  }

  awaiting(subjectUserId: string): NotificationRequest[] {
    return this.#alive().ofSubject(subjectUserId);
  }

  claim(subjectUserId: string, requests: readonly NotificationRequest[]): NotificationRequest[] {
    checkBatch('requests', requests);
    const alive = this.#alive();
    return requests.filter((one) => alive.delete({ ...one, subjectUserId }));
  }

  mayPush(viewerUserId: string): boolean {
    const nowMs = this.#options.clock.now();
    const { pushes, windowMs } = this.#options.limits;
    this.#closeWindows(nowMs);
    const window = this.#windows.get(viewerUserId) ?? { untilMs: nowMs + windowMs, pushes: 0 };
    this.#windows.set(viewerUserId, window);
    return ++window.pushes <= pushes;
  }

  #closeWindows(nowMs: number): void {
    for (const [viewerUserId, { untilMs }] of this.#windows) {
      if (untilMs > nowMs) return;
      this.#windows.delete(viewerUserId);
    }
  }

  /** What has waited for too long is dropped first. */
  #alive(): MemoryRequests {
    this.#requests.dropAskedBefore(this.#options.clock.now() - this.#options.limits.ttlMs);
    return this.#requests;
  }
}
