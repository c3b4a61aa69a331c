// `npm run verify`: everything a change must pass, the quick checks first. Stops at the first that fails.
import { spawnSync } from 'node:child_process';

const CHECKS = ['generated', 'types', 'lint', 'layers', 'unused', 'test'];

for (const check of CHECKS) {
  process.stderr.write(`\n${check}: npm run ${check}\n`);
  const { status } = spawnSync('npm', ['run', '--silent', check], { stdio: 'inherit' });
  if (status === 0) continue;
  process.stderr.write(`verify: ${check} failed\n`);
  process.exit(1);
}
