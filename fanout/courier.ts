/**
 * Brings notifications to push services, outside the way of changes to sockets. A notification was claimed before it
 * came here: when this process is killed it is lost, and never sent by another one too. What a push service surely did
 * not take goes back to wait for the next time.
 */
import { createHmac } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { backoffMs } from '../lib/retry.ts';
import type { PushedLater, PushMessage, PushOutcome, PushSender } from '../lib/web-push/sender.ts';
import type { NotificationRequest, NotificationStore } from '../store/notification-store.ts';
import type { FanoutEvents } from './events.ts';
import { createLimiter } from '../lib/limiter.ts';

export interface CourierOptions {
  readonly sender: Pick<PushSender, 'send'>;
  readonly notifications: Pick<NotificationStore, 'ask' | 'cancel' | 'listOf'>;
  readonly clock: Clock;
  readonly events: Pick<FanoutEvents, 'notified' | 'notificationFailed'>;
  /** Ends all tries. */
  readonly signal: AbortSignal;
}

export interface Courier {
  /** Resolves when the first try is over; later ones go on by themselves. Never rejects. */
  deliver(request: NotificationRequest, payload: string): Promise<void>;
  /** Resolves when no message is under way or waits to be tried again. */
  idle(): Promise<unknown>;
}

/** Messages on their way at once. */
const MAX_SENDING = 32;
/** Messages that wait to be tried again; beyond, one try has to do. */
const MAX_WAITING = 1000;
const MAX_TRIES = 5;
const BACKOFF = { baseMs: 1000, maxMs: 60_000 };
/** "Is online" is no news after that; a push service keeps it for a browser that is away, and tries go on, so long. */
const TTL_MS = 900_000;
const STOPPED: PushedLater = { kind: 'LATER', problem: 'fanout stops', mayHaveArrived: false };

export function createCourier(options: CourierOptions): Courier {
  const { sender, clock, signal } = options;
  const inTurn = createLimiter(MAX_SENDING);
  const waiting = new Set<Promise<void>>();

  const attempt = (message: PushMessage): Promise<PushOutcome> =>
    inTurn(() => (signal.aborted ? Promise.resolve(STOPPED) : sender.send(message, signal)));
  const again = async (message: PushMessage, first: PushedLater): Promise<PushOutcome> => {
    const giveUpAtMs = clock.monotonic() + TTL_MS;
    let outcome: PushOutcome = first;
    for (let tries = 1; tries < MAX_TRIES && outcome.kind === 'LATER'; tries++) {
      const delayMs = outcome.afterMs ?? backoffMs(tries - 1, BACKOFF, clock.random());
      if (clock.monotonic() + delayMs > giveUpAtMs) return outcome;
      if (!(await slept(clock, delayMs, signal))) return outcome;
      outcome = await attempt(message);
    }
    return outcome;
  };
  const retry = (request: NotificationRequest, message: PushMessage, first: PushedLater): void => {
    const retrying = again(message, first)
      .then((outcome) => conclude(options, request, outcome))
      .finally(() => waiting.delete(retrying));
    waiting.add(retrying);
  };
  return {
    async deliver(request, payload) {
      const message = messageOf(request, payload);
      const outcome = await attempt(message);
      const mayRetry = waiting.size < MAX_WAITING && !signal.aborted;
      if (outcome.kind === 'LATER' && mayRetry) retry(request, message, outcome);
      else await conclude(options, request, outcome);
    },
    idle: () => Promise.all(waiting),
  };
}

/** False: the signal aborted. */
async function slept(clock: Clock, delayMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(delayMs, signal);
    return true;
  } catch {
    return false;
  }
}

/** Never rejects. */
async function conclude(
  { notifications, events }: CourierOptions,
  request: NotificationRequest,
  outcome: PushOutcome,
): Promise<void> {
  if (outcome.kind === 'ACCEPTED') {
    events.notified('sent');
  } else if (outcome.kind === 'GONE') {
    events.notified('gone');
    // What stays because of a failure is found gone when its turn comes.
    await forgetEndpoint(notifications, request).catch(() => undefined);
  } else if (wasNotTaken(outcome) && (await waitAgain(notifications, request))) {
    events.notified('postponed');
  } else {
    events.notificationFailed(request, outcome.problem);
  }
}

const wasNotTaken = (outcome: PushOutcome): boolean =>
  outcome.kind === 'LATER' && !outcome.mayHaveArrived;

async function waitAgain(
  notifications: CourierOptions['notifications'],
  request: NotificationRequest,
): Promise<boolean> {
  const outcome = await notifications.ask({ ...request, whileHere: true }).catch(() => undefined);
  return outcome === 'KEPT';
}

/** A browser that has ended its subscription is told of nobody any more: its viewer's other requests to it go too. */
async function forgetEndpoint(
  notifications: CourierOptions['notifications'],
  { viewerUserId, subscription: { endpoint } }: NotificationRequest,
): Promise<void> {
  const requests = await notifications.listOf(viewerUserId);
  const same = requests.filter(({ subscription }) => subscription.endpoint === endpoint);
  await Promise.all(
    same.map(({ subjectUserId }) =>
      notifications.cancel({ viewerUserId, subjectUserId, endpoint }),
    ),
  );
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
