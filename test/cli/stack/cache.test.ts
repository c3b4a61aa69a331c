import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { fetchOnce as fetchWith, isAlive } from '../../../cli/stack/cache.ts';
import { systemClock as clock } from '../../../lib/clock.ts';
import { temporaryDir } from '../../support/server.ts';

let parent: string;
let dir: string;
let onSay: (line: string) => void;
const fetchOnce = (into: string, build: (dir: string) => Promise<void>): Promise<void> =>
  fetchWith(into, { clock, say: (line) => onSay(line) }, build);

beforeEach(async () => {
  onSay = () => undefined;
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

test('what a killed fetch has left is removed', async () => {
  mkdirSync(`${dir}.unfinished-${deadPid()}`);
  await fetchOnce(dir, builds('whole'));
  expect(readdirSync(parent)).toEqual(['kafka-1']);
});

test.each([
  ['finishes', 'theirs', (theirs: string) => renameSync(theirs, dir)],
  ['fails', 'ours', (theirs: string) => rmSync(theirs, { recursive: true })],
])('another process at it is waited for, until it %s', async (_what, whose, end) => {
  const theirs = `${dir}.unfinished-1`;
  mkdirSync(theirs);
  await builds('theirs')(theirs);
  onSay = (line) => {
    expect(line).toMatch('kafka-1: another process is fetching it');
    end(theirs);
  };
  await fetchOnce(dir, builds('ours'));
  expect(readFileSync(join(dir, 'file'), 'utf8')).toBe(whose);
});

test('of two that began at once the first to finish wins, the other is content', async () => {
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
