/**
 * Brings notifications to push services, outside the way of changes to sockets. A notification was claimed before it
 * came here: when this process dies it is lost, and never sent twice by another one.
 */
import { createHmac } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { backoffMs } from '../lib/retry.ts';
import type { PushMessage, PushOutcome, PushSender } from '../lib/web-push/sender.ts';
import type { NotificationRequest } from '../store/notification-store.ts';
import type { FanoutEvents } from './events.ts';
import { createLimiter } from './limiter.ts';

export interface CourierOptions {
  readonly sender: Pick<PushSender, 'send'>;
  readonly clock: Clock;
  readonly events: Pick<FanoutEvents, 'notified' | 'notificationFailed'>;
  /** The browser has ended the subscription. */
  readonly onGone: (request: NotificationRequest) => Promise<void>;
  /** Ends all tries. */
  readonly signal: AbortSignal;
}

export interface Courier {
  /** Resolves when the first try is over; later ones go on by themselves. Never rejects. */
  deliver(request: NotificationRequest, payload: string): Promise<void>;
}

/** Messages on their way at once. */
const MAX_SENDING = 32;
/** Messages that wait for another try; beyond, a message that fails is dropped. */
const MAX_WAITING = 1000;
const MAX_TRIES = 5;
const BACKOFF = { baseMs: 1000, maxMs: 60_000 };
/** "Is online" is no news after that; a push service keeps it for a browser that is away, and tries go on, so long. */
const TTL_MS = 900_000;

type Later = Extract<PushOutcome, { kind: 'LATER' }>;

export function createCourier(options: CourierOptions): Courier {
  const { sender, clock, events, signal } = options;
  const inTurn = createLimiter(MAX_SENDING);
  let waiting = 0;

  const attempt = (message: PushMessage): Promise<PushOutcome> =>
    inTurn(() => sender.send(message, signal));
  const conclude = async (request: NotificationRequest, outcome: PushOutcome): Promise<void> => {
    if (outcome.kind === 'ACCEPTED') events.notified('sent');
    else if (outcome.kind !== 'GONE') events.notificationFailed(request, outcome.problem);
    else {
      events.notified('gone');
      // What stays because of a failure is found gone when its turn comes.
      await options.onGone(request).catch(() => undefined);
    }
  };
  const again = async (message: PushMessage, first: Later): Promise<PushOutcome> => {
    const giveUpAtMs = clock.monotonic() + TTL_MS;
    let outcome: PushOutcome = first;
    for (let tries = 1; tries < MAX_TRIES && outcome.kind === 'LATER'; tries++) {
      const delayMs = outcome.afterMs ?? backoffMs(tries - 1, BACKOFF, clock.random());
      if (clock.monotonic() + delayMs > giveUpAtMs) return outcome;
      await clock.sleep(delayMs, signal);
      outcome = await attempt(message);
    }
    return outcome;
  };
  const retry = async (
    request: NotificationRequest,
    message: PushMessage,
    first: Later,
  ): Promise<void> => {
    waiting++;
    const outcome = await again(message, first).catch(() => first);
    waiting--;
    await conclude(request, outcome);
  };
  return {
    async deliver(request, payload) {
      const message = messageOf(request, payload);
      const outcome = await attempt(message);
      if (outcome.kind === 'LATER' && waiting < MAX_WAITING) void retry(request, message, outcome);
      else await conclude(request, outcome);
    },
  };
}

function messageOf({ subscription, subjectUserId }: NotificationRequest, payload: string) {
  return {
    ...{ subscription, payload },
    ttlS: TTL_MS / 1000,
    urgency: 'normal',
    // Says to the push service that it is the same subject as before, but not who.
    topic: createHmac('sha256', subscription.auth)
      .update(subjectUserId)
      .digest('base64url')
      .slice(0, 32),
  } as const;
}
