/** The service worker: shows a notification when a message comes, with or without the page, and opens the page. */
declare const self: ServiceWorkerGlobalScope;

interface Message {
  readonly userId: string;
  /** `STATUS_ONLINE`, `STATUS_AWAY` or `STATUS_BUSY`. */
  readonly status: string;
  /** When they came online: RFC 3339. */
  readonly at: string;
}

self.addEventListener('push', (event) => {
  if (event.data) event.waitUntil(show(event.data.json() as Message));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(openConsole());
});

function show({ userId, status, at }: Message): Promise<void> {
  const word = status.replace('STATUS_', '').toLowerCase();
  const time = new Date(at).toLocaleTimeString(undefined, { timeStyle: 'short' });
  return self.registration.showNotification(`${userId} is ${word}`, {
    body: `Since ${time}. You asked to be told once.`,
    icon: '/console/icon.svg',
    tag: userId,
  });
}

/** A window that shows the console already, or a new one. */
async function openConsole(): Promise<void> {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const shown = windows.find(({ url }) => new URL(url).pathname === '/');
  if (shown) await shown.focus();
  else await self.clients.openWindow('/');
}

export {};
