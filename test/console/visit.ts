/** Somebody before the console, in a browser of their own. */
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { packageRoot } from '../support/package-root.ts';

/** As `npm run build` leaves it. */
export const consoleDir = pathToFileURL(`${join(packageRoot(), 'dist', 'console')}/`);

/** For what the page shows at once on an idle machine, or with the next try to connect. */
const DEADLINE_MS = 60_000;

export interface Visit extends AsyncDisposable {
  readonly page: Page;
  /** What the page complained of: errors, and all that its content security policy stopped. */
  readonly complaints: readonly string[];
  /** Frames the page has sent, in JSON. */
  readonly sent: readonly string[];
}

/** The row of somebody whom the page shows. */
export const row = (page: Page, userId: string): Locator =>
  page.locator(`#people [data-user-id="${userId}"]`);

export async function visit(
  browser: Browser,
  gateway: { readonly port: number },
  path = '/',
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(DEADLINE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  const sent: string[] = [];
  page.on('websocket', (socket) => {
    socket.on('framesent', ({ payload }) => sent.push(String(payload)));
  });
  await page.goto(`http://127.0.0.1:${gateway.port}${path}`);
  return { page, complaints, sent, [Symbol.asyncDispose]: () => context.close() };
}
