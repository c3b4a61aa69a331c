// What a test left open (a timer, say) would keep jest from ending: it gets a moment to close, then the run fails.
const GRACE_MS = 2_000;

export default async function tearDown() {
  const left = await globalThis.sharedServers.stop();
  setTimeout(failBecauseOpen, GRACE_MS).unref();
  if (left.length > 0) throw new Error(['Tests left behind:', ...left].join('\n  '));
}

function failBecauseOpen() {
  const open = process.getActiveResourcesInfo().join(', ');
  process.stderr.write(`Tests left open what keeps the process alive: ${open}\n`);
  process.once('exit', () => (process.exitCode = 1));
  process.exit(1);
}
