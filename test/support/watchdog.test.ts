import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { isPortTaken } from '../../cli/stack/probes.ts';
import { eventually } from './eventually.ts';

const here = import.meta.dirname;
const SCRIPT = `
  import { startRedis } from ${JSON.stringify(join(here, 'redis.ts'))};
  console.log((await startRedis()).port);
  setInterval(() => undefined, 1_000);
`;

test('a server ends when the process that started it is killed', async () => {
  const loader = join(here, 'ts-loader.mjs');
  const args = ['--import', loader, '--input-type=module', '--eval', SCRIPT];
  const starter = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output] = (await once(starter.stdout, 'data')) as [Buffer];
  const port = Number(output.toString());
  expect(await isPortTaken(port)).toBe(true);
  starter.kill('SIGKILL');
  await once(starter, 'close');
  await eventually(async () => !(await isPortTaken(port)));
});
