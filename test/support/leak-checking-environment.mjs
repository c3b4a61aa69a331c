// Jest's environment for Node, plus: a test file that leaves a socket, server or process open fails.
import { TestEnvironment } from 'jest-environment-node';

const CHECKED = ['TCPSocketWrap', 'TCPServerWrap', 'ProcessWrap'];
const GRACE_MS = 15_000;
const POLL_MS = 20;

export default class LeakCheckingEnvironment extends TestEnvironment {
  #file;
  #before;

  constructor(config, context) {
    super(config, context);
    this.#file = context.testPath;
  }

  async setup() {
    await super.setup();
    this.#before = countOpen();
  }

  async teardown() {
    const left = await leftOpen(this.#before);
    await super.teardown();
    if (left.length > 0) throw new Error(`${this.#file} left open: ${left.join(', ')}`);
  }
}

/** Closing takes a moment: what is still there after the grace is a leak. */
async function leftOpen(before) {
  const giveUpAt = performance.now() + GRACE_MS;
  for (;;) {
    const now = countOpen();
    const left = CHECKED.filter((kind) => now[kind] > before[kind]);
    if (left.length === 0 || performance.now() > giveUpAt) {
      return left.map((kind) => `${now[kind] - before[kind]} ${kind}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS).unref());
  }
}

/** Only what keeps the process alive counts. */
function countOpen() {
  const open = process.getActiveResourcesInfo();
  return Object.fromEntries(
    CHECKED.map((kind) => [kind, open.filter((found) => found === kind).length]),
  );
}
