import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { isAlive } from '../../../cli/stack/cache.ts';
import { endProcess, launch } from '../../../cli/stack/launch.ts';
import { pidFile } from '../../../cli/stack/pid-file.ts';
import type { ProcessSpec } from '../../../cli/stack/server.ts';
import { systemClock as clock } from '../../../lib/clock.ts';
import { temporaryDir } from '../../support/server.ts';

let dir: string;
beforeEach(async () => {
  dir = await temporaryDir('launch');
});
afterEach(() => rm(dir, { recursive: true }));

const shell = (script: string, probe: ProcessSpec['probe']): ProcessSpec => ({
  name: 'thing',
  command: 'sh',
  args: ['-c', script],
  probe,
});
const never = (): Promise<void> => Promise.reject(new Error('not yet'));
const serves = (): Promise<void> => Promise.resolve();

test('a process that ends is explained by its log', async () => {
  const dies = shell('echo "port 1 is privileged"; exit 3', never);
  await expect(launch(dies, { clock, dir, detached: false })).rejects.toThrow(
    /thing did not start: it ended with 3\nport 1 is privileged/,
  );
});

test('a command that is not there is named', async () => {
  const missing = { ...shell('', never), command: 'no-such-server' };
  await expect(launch(missing, { clock, dir, detached: false })).rejects.toThrow(/no-such-server/);
});

test('a process that never serves is killed, and its probe’s last words told', async () => {
  let pid = 0;
  const onSpawn = (started: number): void => void (pid = started);
  const starting = launch(shell('exec sleep 600', never), {
    clock,
    dir,
    detached: false,
    timeoutMs: 100,
    onSpawn,
  });
  await expect(starting).rejects.toThrow(/not ready in 100 ms: not yet/);
  expect(isAlive(pid)).toBe(false);
});

test('a pid file knows its process, and no other', async () => {
  const file = pidFile(`${dir}/thing.pid`);
  expect(file.read()).toBeUndefined();
  const child = await launch(shell('exec sleep 600', serves), { clock, dir, detached: false });
  file.write(child.pid!);
  expect(file.read()).toBe(child.pid);
  await endProcess(child, 'SIGKILL');
  expect(file.read()).toBeUndefined();
  file.remove();
  file.remove();
});
