// `npm run check`: all that can be told of a change without running it, the quick checks first. Stops at a failure.
import { spawnSync } from 'node:child_process';

const CHECKS = ['generated', 'types', 'lint', 'layers', 'unused'];

for (const check of CHECKS) {
  process.stderr.write(`\n${check}: npm run ${check}\n`);
  const { status } = spawnSync('npm', ['run', '--silent', check], { stdio: 'inherit' });
  if (status === 0) continue;
  process.stderr.write(`check: ${check} failed\n`);
  process.exit(1);
}
