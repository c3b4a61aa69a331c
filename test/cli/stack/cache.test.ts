import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { fetchOnce, isAlive } from '../../../cli/stack/cache.ts';
import { temporaryDir } from '../../support/server.ts';

let parent: string;
let dir: string;
beforeEach(async () => {
  parent = await temporaryDir('cache');
  dir = join(parent, 'kafka-1');
});
afterEach(() => rm(parent, { recursive: true }));

const builds = (text: string) => (into: string) => {
  writeFileSync(join(into, 'file'), text);
  return Promise.resolve();
};

test('builds once', async () => {
  await fetchOnce(dir, builds('first'));
  await fetchOnce(dir, builds('second'));
  expect(readFileSync(join(dir, 'file'), 'utf8')).toBe('first');
  expect(readdirSync(parent)).toEqual(['kafka-1']);
});

test('a build that fails leaves nothing, and the next one starts anew', async () => {
  const fails = (): Promise<void> => Promise.reject(new Error('no network'));
  await expect(fetchOnce(dir, fails)).rejects.toThrow('no network');
  expect(readdirSync(parent)).toEqual([]);
  await fetchOnce(dir, builds('whole'));
  expect(existsSync(join(dir, 'file'))).toBe(true);
});

test('what a killed fetch has left is removed, what a running one builds is not', async () => {
  const dead = `${dir}.unfinished-${deadPid()}`;
  const running = `${dir}.unfinished-1`;
  [dead, running].forEach((path) => mkdirSync(path));
  await fetchOnce(dir, builds('whole'));
  expect(readdirSync(parent).sort()).toEqual(['kafka-1', 'kafka-1.unfinished-1']);
});

test('of two at once the first to finish wins, the other is content', async () => {
  await fetchOnce(dir, async (into) => {
    await builds('slow')(into);
    mkdirSync(dir);
    writeFileSync(join(dir, 'file'), 'quick');
  });
  expect(readFileSync(join(dir, 'file'), 'utf8')).toBe('quick');
});

function deadPid(): number {
  let pid = 4_000_000;
  while (isAlive(pid)) pid++;
  return pid;
}
