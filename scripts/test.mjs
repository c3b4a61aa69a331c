// `npm test`: builds, gets the servers that tests start, runs the tests. Ends with the line `N passed, M failed`.
// What follows goes to jest: `npm test -- test/store`.
import { spawnSync } from 'node:child_process';

const say = (line) => process.stderr.write(`${line}\n`);

/** Runs a command of npm's and ends with its exit code if that is not 0. */
function npm(...args) {
  const { status } = spawnSync('npm', ['run', '--silent', ...args], { stdio: 'inherit' });
  return status ?? 1;
}

async function getServers() {
  const { systemClock } = await import('../dist/lib/clock.js');
  const { stackServers } = await import('../dist/cli/stack/servers.js');
  say('Real Redis, Kafka and Dgraph: whatever is missing is fetched once, outside the checkout.');
  for (const server of stackServers()) await server.install({ clock: systemClock, say });
}

try {
  if (npm('build') !== 0) throw new Error('The build failed.');
  await getServers();
  process.exitCode = npm('test:jest', '--', ...process.argv.slice(2));
} catch (error) {
  say(error.message);
  process.stdout.write('0 passed, 1 failed\n');
  process.exitCode = 1;
}
