/** Adapter: requests in this process, as part of the in-process store. */
import type { Clock } from '../lib/clock.ts';
import { checkBatch } from './checks.ts';
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

interface Pushes {
  readonly untilMs: number;
  count: number;
}

/** Every operation is done at once. */
export class MemoryNotifications {
  readonly #options: MemoryNotificationsOptions;
  /** By subject, then by viewer and endpoint. */
  readonly #requests = new Map<string, Map<string, NotificationRequest>>();
  readonly #pushes = new Map<string, Pushes>();

  constructor(options: MemoryNotificationsOptions) {
    this.#options = options;
  }

  isAwaited(subjectUserId: string): boolean {
    return this.#alive(subjectUserId).size > 0;
  }

  ask({ whileHere, ...asked }: Ask): AskOutcome {
    const { limits, statusOf, clock } = this.#options;
    const { subjectUserId, viewerUserId } = asked;
    const waiting = this.#alive(subjectUserId);
    const key = keyOf(asked);
    const isNew = !waiting.has(key);
    if (isNew && this.listOf(viewerUserId).length >= limits.aViewer) return 'VIEWER_FULL';
    if (!whileHere && statusOf(subjectUserId) !== 'OFFLINE') return 'HERE';
    if (isNew && waiting.size >= limits.aSubject) return 'SUBJECT_FULL';
    waiting.delete(key);
    waiting.set(key, { ...asked, askedAtMs: clock.now() });
    this.#requests.set(subjectUserId, waiting);
    return 'KEPT';
  }

  cancel({ subjectUserId, viewerUserId, endpoint }: Cancellation): number {
    const cancelled = [...this.#alive(subjectUserId).values()].filter(
      (one) =>
        one.viewerUserId === viewerUserId &&
        (endpoint === undefined || one.subscription.endpoint === endpoint),
    );
    return this.claim(subjectUserId, cancelled).length;
  }

  listOf(viewerUserId: string): NotificationRequest[] {
    return [...this.#requests.keys()]
      .flatMap((subjectUserId) => [...this.#alive(subjectUserId).values()])
      .filter((one) => one.viewerUserId === viewerUserId)
      .sort((a, b) => a.askedAtMs - b.askedAtMs);
  }

  awaiting(subjectUserId: string): NotificationRequest[] {
    return [...this.#alive(subjectUserId).values()];
  }

  claim(subjectUserId: string, requests: readonly NotificationRequest[]): NotificationRequest[] {
    checkBatch('requests', requests);
    const waiting = this.#alive(subjectUserId);
    const claimed = requests.filter((one) => waiting.delete(keyOf(one)));
    if (waiting.size === 0) this.#requests.delete(subjectUserId);
    return claimed;
  }

  mayPush(viewerUserId: string): boolean {
    const { clock, limits } = this.#options;
    const known = this.#pushes.get(viewerUserId);
    const pushes =
      known && known.untilMs > clock.now()
        ? known
        : { untilMs: clock.now() + limits.windowMs, count: 0 };
    this.#pushes.set(viewerUserId, pushes);
    return ++pushes.count <= limits.pushes;
  }

  /** What has waited for too long is dropped first. */
  #alive(subjectUserId: string): Map<string, NotificationRequest> {
    const waiting = this.#requests.get(subjectUserId) ?? new Map<string, NotificationRequest>();
    const sinceMs = this.#options.clock.now() - this.#options.limits.ttlMs;
    for (const [key, { askedAtMs }] of waiting) if (askedAtMs < sinceMs) waiting.delete(key);
    return waiting;
  }
}

/** No user id has a space. */
const keyOf = ({
  viewerUserId,
  subscription,
}: Pick<NotificationRequest, 'viewerUserId' | 'subscription'>): string =>
  `${viewerUserId} ${subscription.endpoint}`;
