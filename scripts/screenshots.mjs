// `npm run screenshots`: a mesh with people who come and go, and the console as alice sees it, into docs/.
import { createClientPool } from '../dist/lib/grpc/client.js';
import { GraphServiceClient } from '../dist/gen/graph/v1/graph_service.js';
import { systemClock as clock } from '../dist/lib/clock.js';
import { startChromium } from '../dist/test/support/chromium.js';
import { open } from '../dist/test/support/edge-client.js';
import { startEmbedded } from '../dist/test/support/mesh.js';

const mesh = await startEmbedded({ MESH_PUSH_MAX_FOLLOWERS: '1', MESH_GATEWAY_NAME: 'gateway-1' });
const browser = await startChromium();
const people = [];
try {
  await makeFriends();
  for (const colorScheme of ['light', 'dark']) await shoot(colorScheme);
} finally {
  for (const person of people) person[Symbol.dispose]();
  await browser.close();
  await mesh[Symbol.asyncDispose]();
}

async function makeFriends() {
  const graph = createClientPool({
    service: GraphServiceClient,
    name: 'graph',
    addresses: [mesh.grpcAddress],
    clock,
  });
  const userId = 'alice';
  for (const friendUserId of ['bob', 'carol', 'dave', 'erin']) {
    await graph.unary((client) => client.befriend, { userId, friendUserId });
  }
  for (const fan of ['alice', 'bob', 'carol']) {
    await graph.unary((client) => client.follow, { userId: fan, followedUserId: 'star' });
  }
  graph[Symbol.dispose]();
}

async function shoot(colorScheme) {
  const context = await browser.newContext({
    ...{ colorScheme, locale: 'en-GB' },
    viewport: { width: 1000, height: 1180 },
  });
  const page = await context.newPage();
  await page.goto(`http://${mesh.address}/?user=alice`);
  await page.getByText('live', { exact: true }).waitFor();
  const statuses = { bob: 'BUSY', carol: 'ONLINE', dave: 'AWAY', star: 'ONLINE' };
  for (const [userId, status] of Object.entries(statuses)) {
    people.push(open(mesh.address, userId));
    await choose(people.at(-1), status);
    await row(page, userId).getByText(status.toLowerCase(), { exact: true }).waitFor();
  }
  await page.getByLabel('Why is a user shown').fill('bob');
  await page.keyboard.press('Enter');
  await page.getByRole('table', { name: 'Live sessions' }).waitFor();
  await page.locator('.bar').first().waitFor();
  await page.screenshot({ path: `docs/console-${colorScheme}.png`, fullPage: true });
  for (const person of people.splice(0)) {
    person.send({ logout: {} });
    await row(page, person.userId).getByText('offline').waitFor();
  }
  await context.close();
}

/** Says it once the session is there to say it in. */
async function choose(person, status) {
  while (!person.frames.some(({ welcome }) => welcome)) await clock.sleep(10);
  person.send({ setStatus: { status: `STATUS_${status}` } });
}

function row(page, userId) {
  return page.locator(`#people [data-user-id="${userId}"]`);
}
