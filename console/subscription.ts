/** This browser's subscription to messages, made when it is first needed. */
import type { Clock } from '../sdk/index.ts';

const WORKER = '/console/push-worker.js';
/** A browser that cannot reach its push service may never say so. */
const SUBSCRIBE_MS = 20_000;

/** @throws Error in words for whoever pressed the button. */
export async function subscribe(publicKey: string, clock: Clock): Promise<PushSubscription> {
  if (!canSubscribe()) {
    throw new Error('This browser cannot take notifications from this page.');
  }
  if ((await Notification.requestPermission()) !== 'granted') {
    throw new Error(
      'Notifications are not allowed for this page: allow them in the browser’s settings of this site, and press again.',
    );
  }
  const registration = await navigator.serviceWorker.register(WORKER);
  await activated(registration);
  const subscribed = subscribeAnew(registration.pushManager, publicKey);
  return inTime(subscribed, clock).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`The browser could not subscribe to notifications: ${why}`);
  });
}

/** What was subscribed to before; undefined without. */
export async function subscribedEndpoint(): Promise<string | undefined> {
  if (!canSubscribe()) return undefined;
  const registration = await navigator.serviceWorker.getRegistration(WORKER);
  return (await registration?.pushManager.getSubscription())?.endpoint;
}

const canSubscribe = (): boolean => 'serviceWorker' in navigator && 'PushManager' in window;

/** A subscription for another key, of a gateway that was here before, is of no use. */
async function subscribeAnew(pushManager: PushManager, publicKey: string) {
  const existing = await pushManager.getSubscription();
  const key = existing?.options.applicationServerKey;
  if (existing && key && base64UrlOf(key) === publicKey) return existing;
  await existing?.unsubscribe();
  return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey });
}

function base64UrlOf(bytes: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

/** Only an active worker can subscribe. */
function activated({ installing, waiting, active }: ServiceWorkerRegistration): Promise<void> {
  const worker = active ?? waiting ?? installing;
  return new Promise((resolve) => {
    const look = (): void => {
      if (!worker || worker.state === 'activated') resolve();
    };
    worker?.addEventListener('statechange', look);
    look();
  });
}

function inTime<T>(task: Promise<T>, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = new Error('its push service does not answer');
    const timer = clock.after(SUBSCRIBE_MS, () => reject(late));
    void task.then(resolve, reject).finally(() => timer.cancel());
  });
}
