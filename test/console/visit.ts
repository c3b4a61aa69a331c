/** Somebody before the console, in a browser of their own. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { Gateway } from '../../gateway/app.ts';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { packageRoot } from '../support/package-root.ts';
import { addressOf } from '../gateway/in-process-mesh.ts';

/** As `npm run build` leaves it. */
export const consoleDir = pathToFileURL(`${join(packageRoot(), 'dist', 'console')}/`);

export interface Visit extends AsyncDisposable {
  readonly page: Page;
  /** What the page complained of: errors, and all that its content security policy stopped. */
  readonly complaints: readonly string[];
  /** Frames the page has sent, in JSON. */
  readonly sent: readonly string[];
}

export async function visit(
  browser: Browser,
  gateway: Gateway,
  path = '/',
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(8000);
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
  await page.goto(`http://${addressOf(gateway)}${path}`);
  return { page, complaints, sent, [Symbol.asyncDispose]: () => context.close() };
}
