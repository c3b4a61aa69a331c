/**
 * The console in a real Chromium over the real stack, for as long as it takes: its gateway is killed, then a fanout
 * worker, then Redis. What it shows is right after each, and it never told a change that was none.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { CHROMIUM_START_TIMEOUT_MS, startChromium } from '../support/chromium.ts';
import { openGraph } from '../support/clients.ts';
import { connect, type EdgeClient } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import type { MeshPart } from '../support/mesh.ts';
import { startStack, type Stack } from '../support/stack.ts';
import { row, visit } from './visit.ts';

const PATIENT_MS = 60_000;
const ALICE = 'console-alice';
const BOB = 'console-bob';
const CAROL = 'console-carol';

let disposer: Disposer;
let browser: Browser;
let stack: Stack;
let own: MeshPart;
let other: MeshPart;

beforeAll(async () => {
  disposer = createDisposer();
  browser = await startChromium();
  disposer.defer(() => browser.close());
  stack = disposer.add(
    await startStack({
      dgraph: 'shared',
      counts: { gateway: 2, fanout: 2 },
    }),
  );
  [own, other] = stack.mesh.gateways as [MeshPart, MeshPart];
  using graph = openGraph(...stack.mesh.graph.map(({ address }) => address));
  for (const friendUserId of [BOB, CAROL]) {
    await graph.unary((client) => client.befriend, { userId: ALICE, friendUserId });
  }
}, CHROMIUM_START_TIMEOUT_MS);

afterAll(async () => disposer[Symbol.asyncDispose](), 60_000);

async function lookUp(userId: string): Promise<string> {
  const response = await fetch(`http://${other.address}/v1/presence?user_id=${userId}`, {
    headers: { authorization: `Bearer dev:${ALICE}`, connection: 'close' },
  });
  const { presences } = (await response.json()) as { presences: { status: string }[] };
  return presences[0]!.status.replace('STATUS_', '').toLowerCase();
}

/** Live, with everyone as a look-up tells, and bob so. */
async function endsRight(page: Page, status: string): Promise<void> {
  await page.getByText('live', { exact: true }).waitFor();
  await page.locator('#people:not(.stale)').waitFor();
  const shown = (userId: string) => row(page, userId).locator('.status').textContent();
  await eventually(
    async () => {
      expect(await shown(BOB)).toBe(status);
      for (const userId of [BOB, CAROL]) expect(await shown(userId)).toBe(await lookUp(userId));
    },
    { timeoutMs: PATIENT_MS, intervalMs: 100 },
  );
}

/** Until the mesh says so to whoever asks: what is asked of a gateway that is cut off is refused. */
async function choose(person: EdgeClient, status: string): Promise<void> {
  await eventually(
    async () => {
      person.send({ setStatus: { status: `STATUS_${status.toUpperCase()}` } });
      expect(await lookUp(person.userId)).toBe(status);
    },
    { timeoutMs: PATIENT_MS, intervalMs: 300 },
  );
}

/** What the log on the page told of somebody, the oldest first. */
async function told(page: Page, userId: string): Promise<string[]> {
  const lines = await page.getByRole('log').locator('p').allTextContents();
  const words = lines.map((line) => line.slice(line.indexOf('console-')));
  return words.filter((line) => line.startsWith(userId)).reverse();
}

test('the page outlives its gateway, a fanout worker and Redis', async () => {
  using bob = await connect(other.address, BOB, { heartbeatMs: 500 });
  using carol = await connect(other.address, CAROL, { heartbeatMs: 500 });
  await using visitor = await visit(browser, own, `/?user=${ALICE}`);
  const { page } = visitor;
  page.setDefaultTimeout(PATIENT_MS);
  await endsRight(page, 'online');

  await own.kill();
  await page.locator('#people.stale').waitFor();
  await choose(bob, 'busy');
  expect(await row(page, BOB).locator('.status').textContent()).toBe('online');
  await own.start();
  await endsRight(page, 'busy');

  const [worker] = stack.mesh.fanout;
  await worker!.kill();
  await choose(bob, 'away');
  await choose(bob, 'online');
  await worker!.start();
  await endsRight(page, 'online');

  await stack.redis.kill();
  await stack.redis.start();
  await choose(bob, 'busy');
  await endsRight(page, 'busy');

  expect(carol.closed).toBeUndefined();
  const ofBob = await told(page, BOB);
  expect(ofBob.filter((line, i) => line === ofBob[i - 1])).toEqual([]);
  expect(await told(page, CAROL)).toEqual([]);
  await page.getByRole('radio', { name: 'away' }).check();
  await bob.sees(ALICE, 'STATUS_AWAY', PATIENT_MS);
}, 600_000);
