/** Notifications by Web Push, put together: who waits is told when a user has come online. */
import { createAbortController } from '../lib/abort.ts';
import type { Clock } from '../lib/clock.ts';
import { createPushSender } from '../lib/web-push/sender.ts';
import type { VapidKeys } from '../lib/web-push/vapid.ts';
import { createCourier } from './courier.ts';
import type { FanoutEvents } from './events.ts';
import { createNotifier, type Notifier, type NotifierOptions } from './notifier.ts';

export interface PushOptions extends Pick<NotifierOptions, 'store' | 'graph' | 'gateways'> {
  readonly keys: VapidKeys;
  readonly clock: Clock;
  readonly events: FanoutEvents;
}

/** Time for what is under way when the worker stops, ms; what is not sent then waits for the next time. */
const FINISH_MS = 1000;

/** Disposing ends it within about FINISH_MS. */
export function createPush(options: PushOptions): Pick<Notifier, 'cameOnline'> & AsyncDisposable {
  const { keys, clock, events, store } = options;
  const stopping = createAbortController();
  const { signal } = stopping;
  const sender = createPushSender({ keys, clock });
  const { notifications } = store;
  const courier = createCourier({ sender, notifications, clock, events, signal });
  const notifier = createNotifier({ ...options, courier, signal });
  return {
    cameOnline: notifier.cameOnline,
    async [Symbol.asyncDispose]() {
      const timer = clock.after(FINISH_MS, () => stopping.abort());
      await notifier.idle();
      timer.cancel();
      stopping.abort();
      await courier.idle();
      sender[Symbol.dispose]();
    },
  };
}
