// `npm run types`: the code for Node, then the client and the pages as a browser sees them.
import { spawnSync } from 'node:child_process';

const TSC = 'node_modules/typescript-native/bin/tsc';

for (const project of [
  'tsconfig.json',
  'sdk/tsconfig.json',
  'examples/tsconfig.json',
  'console/tsconfig.json',
  'console/worker/tsconfig.json',
]) {
  const { status } = spawnSync(process.execPath, [TSC, '-p', project, '--noEmit'], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}
