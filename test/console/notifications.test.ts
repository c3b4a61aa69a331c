/**
 * The button and the service worker in a real Chromium. Only the browser's own push service is not real: a headless
 * Chromium without Google's servers cannot subscribe, so `PushManager.subscribe` answers with a subscription at a push
 * service of the test, and what that one decrypts is given to the service worker by way of Chromium's debugger.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import axe from 'axe-core';
import type { Browser, CDPSession, Page } from 'playwright-core';
import type { Gateway } from '../../gateway/app.ts';
import { generateVapidKeys } from '../../lib/web-push/vapid.ts';
import {
  addressOf,
  join,
  startInProcessMesh,
  type InProcessMesh,
} from '../gateway/in-process-mesh.ts';
import { CHROMIUM_START_TIMEOUT_MS, startChromium } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { startPushService, type PushService } from '../support/push-service.ts';
import { consoleDir, row, visit, type Visit } from './visit.ts';

const vapid = generateVapidKeys('mailto:test@example.org');
let browser: Browser;
let service: PushService;
let mesh: InProcessMesh;
let gateway: Gateway;

beforeAll(async () => {
  browser = await startChromium();
}, CHROMIUM_START_TIMEOUT_MS);
afterAll(() => browser.close());

beforeEach(async () => {
  service = await startPushService();
  mesh = await startInProcessMesh({ vapid, closeGraceMs: 0 });
  gateway = await mesh.addGateway({ consoleDir });
  await mesh.befriend('alice', 'bob');
});
afterEach(async () => {
  await mesh[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

/** Alice, whose browser can subscribe, and allows notifications when it is to. */
async function visitAsAlice(allows = true): Promise<Visit> {
  const visitor = await visit(browser, gateway);
  const { page } = visitor;
  if (allows)
    await page
      .context()
      .grantPermissions(['notifications'], { origin: `http://${addressOf(gateway)}` });
  await page.addInitScript(subscribing(service.subscribe('alice', vapid.publicKey)));
  await page.goto(`http://${addressOf(gateway)}/?user=alice`);
  await page.getByText('live', { exact: true }).waitFor();
  return visitor;
}

/** Kept as a browser keeps it, for as long as the window is open. */
const subscribing = (subscription: { readonly endpoint: string }): string => `
  const made = ${JSON.stringify(subscription)};
  const subscription = {
    endpoint: made.endpoint,
    options: { applicationServerKey: Uint8Array.from(
      atob('${vapid.publicKey}'.replaceAll('-', '+').replaceAll('_', '/')),
      (letter) => letter.charCodeAt(0),
    ).buffer },
    toJSON: () => made,
  };
  PushManager.prototype.getSubscription = async () =>
    sessionStorage.getItem('subscribed') ? subscription : null;
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    if (!userVisibleOnly || applicationServerKey !== '${vapid.publicKey}') throw new Error('bad options');
    sessionStorage.setItem('subscribed', 'yes');
    return subscription;
  };
`;

const button = (page: Page, options: { pressed?: boolean } = {}) =>
  page.getByRole('button', { name: 'Tell me when online: bob', ...options });

const waiting = async (): Promise<string[]> =>
  (await mesh.store.notifications.listOf('alice')).map(({ subjectUserId }) => subjectUserId);

test('asked by keyboard, taken back, asked again: told once when the page is gone', async () => {
  await using visitor = await visitAsAlice();
  const { page } = visitor;
  await button(page, { pressed: false }).press('Enter');
  await button(page, { pressed: true }).waitFor();
  expect(await waiting()).toEqual(['bob']);
  await page.reload();
  await button(page, { pressed: true }).press('Space');
  await button(page, { pressed: false }).waitFor();
  expect(await waiting()).toEqual([]);
  await button(page).click();
  await button(page, { pressed: true }).waitFor();
  expect(await page.getByRole('alert').textContent()).toBe('');
  expect(visitor.complaints).toEqual([]);
  await page.goto('about:blank');
  await eventually(async () => (await mesh.store.routes(['alice']))[0]?.length === 0);
  using bob = await join(gateway, 'bob');
  await eventually(() => expect(service.messages).toHaveLength(1));
  expect(service.problems).toEqual([]);
  expect(service.messages[0]!.data).toMatchObject({ userId: bob.userId });
  expect(await waiting()).toEqual([]);
});

test('the button goes when the friend comes, on screen, and is fresh when they leave', async () => {
  await using visitor = await visitAsAlice();
  const { page } = visitor;
  await button(page).click();
  await button(page, { pressed: true }).waitFor();
  const bob = await join(gateway, 'bob');
  await page.locator('#people').getByText('online', { exact: true }).waitFor();
  await button(page).waitFor({ state: 'hidden' });
  await eventually(async () => expect(await waiting()).toEqual([]));
  bob.send({ logout: {} });
  await bob.whenClosed();
  await button(page, { pressed: false }).waitFor();
  expect(service.requests).toEqual([]);
});

test('says so when notifications are not allowed', async () => {
  await using visitor = await visitAsAlice(false);
  await button(visitor.page).click();
  await visitor.page.getByRole('alert').getByText('allow them in the browser’s settings').waitFor();
  await button(visitor.page, { pressed: false }).waitFor();
  expect(await waiting()).toEqual([]);
});

test('says so when the browser cannot subscribe', async () => {
  await using visitor = await visitAsAlice();
  await visitor.page.evaluate(
    "PushManager.prototype.subscribe = () => Promise.reject(new Error('no push service'))",
  );
  await button(visitor.page).click();
  await visitor.page.getByRole('alert').getByText('no push service').waitFor();
  await button(visitor.page, { pressed: false }).waitFor();
});

test('there is no button where the gateway has no Web Push', async () => {
  const off = await mesh.addGateway({ consoleDir, vapidPublicKey: undefined });
  await using visitor = await visit(browser, off, '/?user=alice');
  const { page } = visitor;
  await row(page, 'bob').waitFor();
  await page.waitForLoadState('networkidle');
  expect(await button(page).isVisible()).toBe(false);
  expect(await page.getByRole('alert').textContent()).toBe('');
  // A browser logs every answer like 501 as an error.
  expect(visitor.complaints).toEqual([]);
});

test.each(['dark', 'light'] as const)('axe has nothing against the button, %s', async (scheme) => {
  await using visitor = await visitAsAlice();
  const { page } = visitor;
  await page.emulateMedia({ colorScheme: scheme });
  await button(page).click();
  await button(page, { pressed: true }).waitFor();
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<axe.AxeResults>('axe.run("#people")');
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
});

test('the service worker shows what comes, once for each subject', async () => {
  await using visitor = await visitAsAlice();
  const { page } = visitor;
  await button(page).click();
  await button(page, { pressed: true }).waitFor();
  const shows = await countShows(page);
  const deliver = await deliverer(page);
  const at = '2026-01-01T00:07:01.004Z';
  await deliver({ userId: 'bob', status: 'STATUS_BUSY', at });
  await deliver({ userId: 'carol', status: 'STATUS_ONLINE', at });
  await deliver({ userId: 'bob', status: 'STATUS_ONLINE', at });
  await eventually(async () => expect(await shows()).toBe(3));
  expect((await shown(page)).sort()).toEqual(['bob is online', 'carol is online']);
});

/**
 * How many notifications the service worker has shown until now. To ask `getNotifications` while one is being shown
 * makes Chromium forget that one: it takes what it has stored and does not display yet for what the user closed.
 */
async function countShows(page: Page): Promise<() => Promise<number>> {
  const worker = await eventually(() => page.context().serviceWorkers()[0] ?? false);
  if (!worker) throw new Error('no service worker');
  await worker.evaluate(`
    self.shows = 0;
    const show = ServiceWorkerRegistration.prototype.showNotification;
    ServiceWorkerRegistration.prototype.showNotification = async function (...notification) {
      await show.apply(this, notification);
      self.shows += 1;
    };
  `);
  return () => worker.evaluate<number>('self.shows');
}

const SHOWN = `navigator.serviceWorker.getRegistration('/console/')
  .then((registration) => registration.getNotifications())
  .then((notifications) => notifications.map(({ title }) => title))`;
const shown = (page: Page): Promise<string[]> => page.evaluate<string[]>(SHOWN);

/** Gives a message to the page's service worker, as the browser does with one that came. */
async function deliverer(page: Page): Promise<(data: object) => Promise<void>> {
  const debug: CDPSession = await page.context().newCDPSession(page);
  const found: string[] = [];
  debug.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) =>
    found.push(...registrations.map(({ registrationId }) => registrationId)),
  );
  await debug.send('ServiceWorker.enable');
  const registrationId = await eventually(() => found[0] ?? false);
  return async (data) => {
    await debug.send('ServiceWorker.deliverPushMessage', {
      origin: `http://${addressOf(gateway)}`,
      registrationId: String(registrationId),
      data: JSON.stringify(data),
    });
  };
}
