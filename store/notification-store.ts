/**
 * Port: who asked to be told, once, when a user comes online. Kept with that user's state, in the shard of both.
 *
 * Contract, the same for every adapter (test/conformance/notification-store.ts runs over all of them):
 * - A request is of one viewer, for one subject, to one endpoint; asking again replaces it.
 * - `ask` and the settlement of its subject never overlap: a request that was kept while the subject is OFFLINE is
 *   there when the transition that ends it enters the outbox, and that entry says `awaited`.
 * - A request is claimed by one caller only, however many try.
 * - A request ends by `claim`, by `cancel`, or with its time to live; nothing tells its viewer which subjects came
 *   online meanwhile.
 */

/** Where a browser takes messages, as its PushSubscription says it. */
export interface PushSubscription {
  readonly endpoint: string;
  /** Public key of the browser, base64url. */
  readonly p256dh: string;
  /** Secret shared with the browser, base64url. */
  readonly auth: string;
}

export interface NotificationRequest {
  readonly subjectUserId: string;
  readonly viewerUserId: string;
  readonly subscription: PushSubscription;
  /** ms since the epoch, of the store's clock. */
  readonly askedAtMs: number;
}

export interface Ask extends Omit<NotificationRequest, 'askedAtMs'> {
  /** Keep it though the subject is online: to this viewer they are shown OFFLINE. */
  readonly whileHere: boolean;
}

/**
 * HERE: not kept, the subject is not OFFLINE. VIEWER_FULL: the viewer has as many requests as one may have.
 * SUBJECT_FULL: as many wait for the subject as may.
 */
export type AskOutcome = 'KEPT' | 'HERE' | 'VIEWER_FULL' | 'SUBJECT_FULL';

export interface Cancellation {
  readonly subjectUserId: string;
  readonly viewerUserId: string;
  /** Only the request to this endpoint; all of the viewer's for the subject when absent. */
  readonly endpoint?: string;
}

export interface RequestPage {
  readonly requests: readonly NotificationRequest[];
  /** What to read on with; undefined: that was all. */
  readonly next: string | undefined;
}

export interface NotificationLimits {
  /** Requests of one viewer. */
  readonly aViewer: number;
  /** Requests that wait for one subject. */
  readonly aSubject: number;
  /** How long a request waits, ms. */
  readonly ttlMs: number;
  /** Notifications to one viewer in `windowMs`. */
  readonly pushes: number;
  /** ms. */
  readonly windowMs: number;
}

export const NOTIFICATION_LIMITS: NotificationLimits = {
  aViewer: 100,
  aSubject: 10_000,
  ttlMs: 30 * 24 * 3_600_000,
  pushes: 10,
  windowMs: 60_000,
};

export interface NotificationStore {
  ask(ask: Ask): Promise<AskOutcome>;
  /** @returns how many requests there were. Idempotent. */
  cancel(cancellation: Cancellation): Promise<number>;
  /** The viewer's requests, the oldest first. */
  listOf(viewerUserId: string): Promise<readonly NotificationRequest[]>;
  /** Who waits for the subject, in no order; one may come twice. From the beginning without `from`. */
  awaiting(subjectUserId: string, from?: string): Promise<RequestPage>;
  /** Ends requests for one subject, at most 1,000. @returns those that were there: they are the caller's to fulfil. */
  claim(
    subjectUserId: string,
    requests: readonly NotificationRequest[],
  ): Promise<readonly NotificationRequest[]>;
  /** Counts one notification to the viewer. @returns whether it is within the limit. */
  mayPush(viewerUserId: string): Promise<boolean>;
}
