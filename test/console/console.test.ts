/** The console in a real Chromium, served by a real gateway. */
import {
  afterAll,
  beforeAll,
  beforeEach,
  afterEach,
  describe,
  expect,
  jest,
  test,
} from '@jest/globals';
import { SignJWT } from 'jose';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import type { Gateway } from '../../gateway/app.ts';
import { join, startInProcessMesh, type InProcessMesh } from '../gateway/in-process-mesh.ts';
import { CHROMIUM_START_TIMEOUT_MS, startChromium } from '../support/chromium.ts';
import { freePort } from '../support/free-port.ts';
import { eventually } from '../support/eventually.ts';
import { consoleDir, row, visit } from './visit.ts';

const SECRET = 'a secret of thirty-two bytes or more';
/** Each of several waits may take its whole time where a machine is busy. */
jest.setTimeout(300_000);

let browser: Browser;
let mesh: InProcessMesh;
let gateway: Gateway;

beforeAll(async () => {
  browser = await startChromium();
}, CHROMIUM_START_TIMEOUT_MS);

afterAll(() => browser.close());

beforeEach(async () => {
  mesh = await startInProcessMesh({ maxFollowers: 1 });
  gateway = await mesh.addGateway({ consoleDir });
});

afterEach(async () => {
  await mesh[Symbol.asyncDispose]();
});

const radio = (page: Page, name: string) => page.getByRole('radio', { name });

const FOCUSED = `(({ activeElement: it }) =>
  it.getAttribute('aria-label') ?? (it.id || (it.parentElement.matches('label') ? it.parentElement : it).textContent.trim())
)(document)`;

function tokenOf(userId: string, claims: { role?: string }): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));
}

/** What axe objects to, as the page is now. */
async function objectionsOf(page: Page): Promise<object[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<axe.AxeResults>('axe.run()');
  return violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => html) }));
}

async function logIn(page: Page, userId: string): Promise<void> {
  await page.getByRole('textbox', { name: 'User', exact: true }).fill(userId);
  await page.getByRole('button', { name: 'Come in' }).click();
  await page.getByText('live', { exact: true }).waitFor();
}

describe('a user', () => {
  test('sees friends move, and is read what changed', async () => {
    await mesh.befriend('alice', 'bob');
    await using visitor = await visit(browser, gateway);
    const { page } = visitor;
    await logIn(page, 'alice');
    await row(page, 'bob').getByText('offline').waitFor();
    expect(await page.locator('#count').textContent()).toBe('0 of 1 here');
    using bob = await join(gateway, 'bob');
    await row(page, 'bob').getByText('online', { exact: true }).waitFor();
    bob.send({ setStatus: { status: 'STATUS_BUSY' } });
    await row(page, 'bob').getByText('busy').waitFor();
    await page.getByRole('log').getByText('bob is busy').waitFor();
    expect(await page.locator('#count').textContent()).toBe('1 of 1 here');
    await mesh.befriend('alice', 'carol');
    await row(page, 'carol').getByText('never seen').waitFor();
    expect(visitor.complaints).toEqual([]);
  });

  test('chooses a status by keyboard, sees a choice made elsewhere, and logs out', async () => {
    await mesh.befriend('alice', 'bob');
    using bob = await join(gateway, 'bob');
    await using visitor = await visit(browser, gateway, '/?user=alice');
    const { page } = visitor;
    await bob.sees('alice', 'STATUS_ONLINE');
    await page.locator('input[value=""]:focus').waitFor();
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowRight');
    await bob.sees('alice', 'STATUS_BUSY');
    expect(await radio(page, 'busy').isChecked()).toBe(true);
    await radio(page, 'by activity').check();
    await bob.sees('alice', 'STATUS_ONLINE');
    await page.getByRole('button', { name: 'Log out' }).press('Enter');
    await bob.sees('alice', 'STATUS_OFFLINE');
    await page.locator('#credential:focus').waitFor();
    expect(await page.getByRole('alert').textContent()).toBe('');
  });

  test('follows a celebrity for as long as their row is on screen', async () => {
    for (const userId of ['alice', 'fan']) {
      await mesh.graph.unary((c) => c.follow, { userId, followedUserId: 'star' });
    }
    await using visitor = await visit(browser, gateway, '/?user=alice');
    const { page } = visitor;
    await row(page, 'star').getByText('live while on screen').waitFor();
    using star = await join(gateway, 'star');
    await row(page, 'star').getByText('online', { exact: true }).waitFor();
    await page.evaluate("document.getElementById('people').hidden = true");
    await eventually(() => visitor.sent.some((frame) => frame.includes('"unwatch"')));
    star.send({ setStatus: { status: 'STATUS_BUSY' } });
    await page.evaluate("document.getElementById('people').hidden = false");
    await row(page, 'star').getByText('busy').waitFor();
  });

  test('is told when the connection is lost, and sees it come back', async () => {
    await mesh.befriend('alice', 'bob');
    // A fixed port, as in life: one that was any free one cannot be had again for a minute.
    const httpPort = await freePort();
    const first = await mesh.addGateway({ consoleDir, httpPort });
    await using visitor = await visit(browser, first, '/?user=alice');
    const { page } = visitor;
    await page.getByText('live', { exact: true }).waitFor();
    await first[Symbol.asyncDispose]();
    await page.locator('#people.stale').waitFor();
    await page.getByText('connection lost, trying again').waitFor();
    const objections = await objectionsOf(page);
    await eventually(() => mesh.addGateway({ httpPort }));
    await page.getByText('live', { exact: true }).waitFor();
    await page.locator('#people:not(.stale)').waitFor();
    expect(objections).toEqual([]);
  });

  test('whose token is refused when the connection is made anew comes in with another one', async () => {
    const httpPort = await freePort();
    const jwt = (jwtSecret: string) => ({ auth: { mode: 'jwt', jwtSecret } as const });
    const options = { consoleDir, httpPort, host: '127.0.0.1' };
    const first = await mesh.addGateway({ ...options, ...jwt(SECRET) });
    await using visitor = await visit(browser, first);
    const { page } = visitor;
    await page.getByLabel('Token').fill(await tokenOf('alice', {}));
    await page.keyboard.press('Enter');
    await page.getByText('live', { exact: true }).waitFor();
    expect(await page.title()).toBe('alice · presence-mesh');
    await first[Symbol.asyncDispose]();
    await eventually(() => mesh.addGateway({ ...options, ...jwt(`another: ${SECRET}`) }));
    await page.getByRole('alert').getByText('not signed by a key').waitFor();
    await page.locator('#credential:focus').waitFor();
    expect(await page.title()).toBe('presence-mesh');
  });

  test('is told that the gateway takes its time, and is in when it answers', async () => {
    await using visitor = await visit(browser, gateway);
    const { page } = visitor;
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    await page.route('**/v1/operator/gateways*', async (route) => {
      await held;
      await route.continue();
    });
    await page.getByRole('textbox', { name: 'User', exact: true }).fill('alice');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('has not answered yet').waitFor();
    answer();
    await page.getByText('live', { exact: true }).waitFor();
    await eventually(async () => expect(await page.getByRole('alert').textContent()).toBe(''));
  });

  test('finds one of many, and passes the others by keyboard', async () => {
    for (let i = 0; i < 25; i++) await mesh.befriend('alice', `friend-${1000 + i}`);
    await using visitor = await visit(browser, gateway, '/?user=alice');
    const { page } = visitor;
    await page.getByText('0 of 25 here').waitFor();
    await page.getByLabel('Find by name').fill('101');
    await page.getByText('10 with “101” in the name').waitFor();
    using friend = await join(gateway, 'friend-1019');
    await row(page, friend.userId).getByText('online', { exact: true }).waitFor();
    expect(await page.locator('#people li:visible').count()).toBe(10);
    await page.keyboard.press('Tab');
    await page.getByText('Skip the list').press('Enter');
    await page.locator('#changes:focus').waitFor();
    expect(await objectionsOf(page)).toEqual([]);
  });
});

describe('an operator', () => {
  test('has a user explained, and sees the gateways and the shards', async () => {
    await mesh.befriend('ann', 'bob');
    using ann = await join(gateway, 'ann');
    using bob = await join(gateway, 'bob');
    bob.send({ setStatus: { status: 'STATUS_BUSY' } });
    await ann.sees('bob', 'STATUS_BUSY');
    await using visitor = await visit(browser, gateway, '/?user=root');
    await visitor.page.getByText(/\d changes? since this gateway started: half within/).waitFor();
    await visitor.page.locator('.bar').first().waitFor();
    const { page } = visitor;
    await page.getByRole('cell', { name: gateway.gatewayId }).waitFor();
    await page.getByLabel('Why is a user shown').fill('bob');
    await eventually(async () => {
      await page.getByRole('button', { name: 'Explain' }).click();
      await page.getByText('bob: BUSY by choice, with 1 live session').waitFor({ timeout: 500 });
    });
    await page.getByRole('table', { name: 'Live sessions' }).waitFor();
    await page.getByRole('region', { name: 'Gateways alive' }).waitFor();
    const shards = page.getByRole('table', { name: 'Shards by worker' });
    // Worker, shards, users, waiting, held; ann, bob and root are there.
    await eventually(async () => {
      const cells = await shards.getByRole('cell').allTextContents();
      expect(cells).toEqual(['worker-1', '8: 0-7', '3', '0', 'none']);
    });
    await page.getByLabel('Why is a user shown').fill('no user id');
    await page.keyboard.press('Enter');
    await page.getByText('an id is 1 to 128 of').waitFor();
  });

  test('is who has the role in a signed token; others do not see the section', async () => {
    const signed = await mesh.addGateway({
      consoleDir,
      host: '127.0.0.1',
      auth: { mode: 'jwt', jwtSecret: SECRET },
    });
    await using visitor = await visit(browser, signed);
    const { page } = visitor;
    const comeIn = async (token: string): Promise<void> => {
      await page.getByLabel('Token').fill(token);
      await page.keyboard.press('Enter');
    };
    await comeIn('nonsense');
    await page.getByRole('alert').getByText('not a valid JWT').waitFor();
    await comeIn(await tokenOf('alice', {}));
    await page.getByText('live', { exact: true }).waitFor();
    expect(await page.getByText('For operators').isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Log out' }).click();
    await comeIn(await tokenOf('olga', { role: 'operator' }));
    await page.getByText('For operators').waitFor();
  });
});

describe('the page', () => {
  test('is used by keyboard in the order it is read', async () => {
    await using visitor = await visit(browser, gateway);
    const { page } = visitor;
    await page.locator('#credential:focus').waitFor();
    await page.keyboard.type('alice');
    await page.keyboard.press('Enter');
    await page.getByText('live', { exact: true }).waitFor();
    await page.locator('#gateways table').waitFor();
    await page.locator('#shards table').waitFor();
    await page.getByRole('button', { name: 'Log out' }).focus();
    const visited: unknown[] = [];
    for (let i = 0; i < 5; i++) {
      await page.keyboard.press('Tab');
      visited.push(await page.evaluate(FOCUSED));
    }
    expect(visited).toEqual([
      ...['by activity', 'explained', 'Explain'],
      ...['Gateways alive', 'Shards by worker'],
    ]);
  });

  test.each(['dark', 'light'] as const)('has nothing axe objects to, %s', async (colorScheme) => {
    await mesh.befriend('alice', 'bob');
    await mesh.befriend('ann', 'bob');
    using ann = await join(gateway, 'ann');
    using bob = await join(gateway, 'bob');
    await ann.sees(bob.userId, 'STATUS_ONLINE');
    await using visitor = await visit(browser, gateway, '/?user=alice', { colorScheme });
    const { page } = visitor;
    await row(page, 'bob').waitFor();
    await page.getByLabel('Why is a user shown').fill('alice');
    await page.keyboard.press('Enter');
    await page.getByRole('table', { name: 'Live sessions' }).waitFor();
    await page.locator('.bar').first().waitFor();
    expect(await objectionsOf(page)).toEqual([]);
  });

  test.each([
    ['a narrow phone', { width: 360, height: 740 }],
    ['a window at 400 %', { width: 320, height: 256 }],
  ])('fits %s, with the longest names there are', async (_, viewport) => {
    const [longest, other] = ['x'.repeat(128), 'y'.repeat(128)];
    await mesh.befriend(longest, other);
    await using visitor = await visit(browser, gateway, `/?user=${longest}`, { viewport });
    const { page } = visitor;
    await row(page, other).waitFor();
    using friend = await join(gateway, other);
    await page.getByRole('log').getByText(`${friend.userId} is online`).waitFor();
    await page.getByLabel('Why is a user shown').fill(longest);
    await page.keyboard.press('Enter');
    await page.getByRole('table', { name: 'Live sessions' }).waitFor();
    const widths = 'const { scrollWidth, clientWidth } = document.documentElement';
    expect(await page.evaluate(`(() => { ${widths}; return scrollWidth - clientWidth; })()`)).toBe(
      0,
    );
  });

  test('takes nothing from elsewhere and can be nobody’s frame', async () => {
    await using visitor = await visit(browser, gateway);
    const response = await visitor.page.reload();
    const headers = response?.headers() ?? {};
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'x-content-type-options': 'nosniff',
    });
    await visitor.page.evaluate("new Image().src = 'http://127.0.0.1:9/elsewhere'");
    await eventually(() =>
      visitor.complaints.some((text) => text.includes('Content Security Policy')),
    );
  });
});
