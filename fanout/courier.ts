/**
 * Brings notifications to push services, outside the way of changes to sockets. A notification was claimed before it
 * came here: when this process is killed during a try it is lost, and not sent by another one too. Until the next try
 * it is back where those that wait are, and so is what a push service surely did not take. A push service that hangs
 * delays no other one.
 */
import { createHmac } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { createFairLimiter } from '../lib/fair-limiter.ts';
import { backoffMs } from '../lib/retry.ts';
import type { PushedLater, PushMessage, PushOutcome, PushSender } from '../lib/web-push/sender.ts';
import type { NotificationRequest, NotificationStore } from '../store/notification-store.ts';
import type { FanoutEvents } from './events.ts';

export interface CourierOptions {
  readonly sender: Pick<PushSender, 'send'>;
  readonly notifications: Pick<NotificationStore, 'ask' | 'cancel' | 'claim' | 'listOf'>;
  readonly clock: Clock;
  readonly events: Pick<FanoutEvents, 'notified' | 'notificationFailed'>;
  /** Ends all tries. */
  readonly signal: AbortSignal;
}

export interface Courier {
  /** Resolves when the first try is over, or too slow to be waited for; it goes on by itself. Never rejects. */
  deliver(request: NotificationRequest, payload: string): Promise<void>;
  /** Resolves when no message is under way or waits to be tried again. */
  idle(): Promise<unknown>;
}

/**
 * Anybody can name a push service: one that hangs has its places for so long, and then none for a while. A message that
 * is not taken in time goes on without a place, for as long as the sender lets it.
 */
const PLACES = {
  places: 64,
  placesEach: 16,
  patienceMs: 2000,
  shut: { baseMs: 5000, maxMs: 60_000 },
};
/** Messages that wait to be tried again: in all, and to one push service. Beyond, one try has to do. */
const MAX_WAITING = 2000;
const MAX_WAITING_EACH = 500;
const MAX_TRIES = 5;
const BACKOFF = { baseMs: 1000, maxMs: 60_000 };
/** "Is online" is no news after that; a push service keeps it for a browser that is away, and tries go on, so long. */
const TTL_MS = 900_000;
const STOPPED: PushedLater = { kind: 'LATER', problem: 'fanout stops', mayHaveArrived: false };
const shut = (afterMs: number): PushedLater => ({
  ...{ kind: 'LATER', problem: 'answers too slowly, and is left alone for a while' },
  ...{ afterMs, mayHaveArrived: false },
});

export function createCourier(options: CourierOptions): Courier {
  const { sender, clock, signal } = options;
  const turns = createFairLimiter({ clock, ...PLACES });
  const room = createRoom();
  const open = new Set<Promise<void>>();

  const attempt = async (message: PushMessage): Promise<{ outcome: Promise<PushOutcome> }> => {
    const begun = await turns.run(pushServiceOf(message), () =>
      signal.aborted ? Promise.resolve(STOPPED) : sender.send(message, signal),
    );
    return { outcome: begun.kind === 'BEGUN' ? begun.result : Promise.resolve(shut(begun.forMs)) };
  };
  const tryOn = async (
    request: NotificationRequest,
    message: PushMessage,
    first: Promise<PushOutcome>,
  ): Promise<void> => {
    let outcome = await first;
    const giveUpAtMs = clock.monotonic() + TTL_MS;
    for (let tries = 1; tries < MAX_TRIES && outcome.kind === 'LATER'; tries++) {
      const delayMs = outcome.afterMs ?? backoffMs(tries - 1, BACKOFF, clock.random());
      if (clock.monotonic() + delayMs > giveUpAtMs || signal.aborted) break;
      const pushService = pushServiceOf(message);
      if (!room.enter(pushService)) break;
      const waited = await waitInStore(options, request, delayMs).finally(() =>
        room.leave(pushService),
      );
      if (waited === 'TAKEN_BACK') return;
      if (waited === 'END') break;
      outcome = await (await attempt(message)).outcome;
    }
    await conclude(options, request, outcome);
  };
  return {
    async deliver(request, payload) {
      const message = messageOf(request, payload);
      const { outcome } = await attempt(message);
      const trying = tryOn(request, message, outcome).finally(() => open.delete(trying));
      open.add(trying);
    },
    idle: () => Promise.all(open),
  };
}

/** Each push service is told apart by its origin. */
const pushServiceOf = ({ subscription }: PushMessage): string =>
  new URL(subscription.endpoint).origin;

/** Places to wait in, of which no push service gets more than a part. */
function createRoom() {
  const waiting = new Map<string, number>();
  let inAll = 0;
  const change = (pushService: string, by: number): void => {
    inAll += by;
    const count = (waiting.get(pushService) ?? 0) + by;
    if (count === 0) waiting.delete(pushService);
    else waiting.set(pushService, count);
  };
  return {
    enter(pushService: string): boolean {
      if (inAll >= MAX_WAITING || (waiting.get(pushService) ?? 0) >= MAX_WAITING_EACH) return false;
      change(pushService, 1);
      return true;
    },
    leave: (pushService: string): void => change(pushService, -1),
  };
}

/**
 * Until it is time for another try the request is where others are that wait: its viewer may take it back, and when the
 * subject comes online once more meanwhile, that is what is told. TAKEN_BACK: either has happened. END: there will be
 * no other try.
 */
async function waitInStore(
  { notifications, clock, signal }: CourierOptions,
  request: NotificationRequest,
  delayMs: number,
): Promise<'DUE' | 'TAKEN_BACK' | 'END'> {
  if (!(await waitAgain(notifications, request))) return 'END';
  const isDue = await slept(clock, delayMs, signal);
  // When the store does not answer it stays there, for the next time.
  const claimed = await notifications.claim(request.subjectUserId, [request]).catch(() => []);
  if (claimed.length === 0) return 'TAKEN_BACK';
  return isDue ? 'DUE' : 'END';
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
