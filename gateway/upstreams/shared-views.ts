/**
 * Views for the sessions of many users, a few at a time. Of one user one view is read at a time, for all of their
 * sessions that wait when it begins; and after so many in a short time no more than one a second. So a user who asks for
 * thousands of contacts again and again, on however many connections, has one place and lets the others have theirs.
 *
 * Who comes while a view is being read waits for the next: what has been read of it may be older than what they ask for.
 */
import type { Clock } from '../../lib/clock.ts';
import { createLimiter, type Limiter } from '../../lib/limiter.ts';
import type { RateLimit } from '../limits/frame-rate.ts';
import { RequestRate } from '../limits/request-rate.ts';
import type { View, ViewRequest } from './snapshot.ts';

/** One session's. */
export interface ViewAsk extends ViewRequest {
  /** Asked when the view is about to be read: the session may be over by then. */
  readonly isWanted: () => boolean;
}

export interface SharedViewsOptions {
  readonly clock: Clock;
  /** Users whose view is read at a time. */
  readonly places: number;
  readonly read: (request: ViewRequest) => Promise<View>;
}

/** Half of the connections that a user may have here can open one after the other without waiting. */
const VIEWS_A_USER: RateLimit = { perSecond: 1, burst: 10 };

interface Round {
  readonly asks: ViewAsk[];
  readonly view: Promise<View>;
}

export class SharedViews {
  readonly #options: SharedViewsOptions;
  readonly #inTurn: Limiter;
  readonly #rate: RequestRate;
  /** By user, what is to be read next. */
  readonly #waiting = new Map<string, Round>();
  /** By user, what is being read. */
  readonly #underWay = new Map<string, Promise<View>>();

  constructor(options: SharedViewsOptions) {
    this.#options = options;
    this.#inTurn = createLimiter(options.places);
    this.#rate = new RequestRate(VIEWS_A_USER, options.clock);
  }

  /** Rejects also when nobody wanted it any more. */
  read(ask: ViewAsk): Promise<View> {
    const userId = ask.viewerUserId;
    const waiting = this.#waiting.get(userId);
    if (waiting) {
      waiting.asks.push(ask);
      return waiting.view;
    }
    const asks = [ask];
    const view = this.#whenItsTurn(userId, asks);
    this.#waiting.set(userId, { asks, view });
    return view;
  }

  async #whenItsTurn(userId: string, asks: readonly ViewAsk[]): Promise<View> {
    await this.#underWay.get(userId)?.catch(() => undefined);
    const waitMs = this.#rate.waitMs(userId);
    if (waitMs > 0) await this.#options.clock.sleep(waitMs);
    return this.#inTurn(() => this.#begin(userId, asks));
  }

  async #begin(userId: string, asks: readonly ViewAsk[]): Promise<View> {
    this.#waiting.delete(userId);
    const reading = this.#read(userId, asks);
    this.#underWay.set(userId, reading);
    try {
      return await reading;
    } finally {
      this.#underWay.delete(userId);
    }
  }

  async #read(userId: string, asks: readonly ViewAsk[]): Promise<View> {
    const view = await this.#options.read(requestOf(userId, asks));
    // One that failed is tried again soon, and is nobody's fault here.
    this.#rate.count(userId);
    return view;
  }
}

/** What satisfies all who still want it. */
function requestOf(viewerUserId: string, asks: readonly ViewAsk[]): ViewRequest {
  const wanted = asks.filter(({ isWanted }) => isWanted());
  if (wanted.length === 0) throw new Error('the sessions that wanted the view are over');
  const minRevision = wanted.reduce(
    (max, ask) => (ask.minRevision > max ? ask.minRevision : max),
    0n,
  );
  return { viewerUserId, minRevision };
}
