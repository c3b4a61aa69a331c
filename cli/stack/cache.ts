/** Where fetched servers are kept: outside the checkout, so that a clean clone does not fetch them again. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { RunContext } from './tools.ts';

export function cacheDir(): string {
  const base = process.env['XDG_CACHE_HOME'];
  return join(
    base === undefined || base === '' ? join(homedir(), '.cache') : base,
    'presence-mesh',
  );
}

/** Data, logs and pid files of `npm run stack`. */
export function stackDir(): string {
  return join(cacheDir(), 'stack');
}

const WAIT_POLL_MS = 200;
/** Longer than any build takes; a process that is not what it was must not be waited for for ever. */
const MAX_WAIT_MS = 600_000;

/**
 * Makes sure that `dir` is there and whole. `build` fills a directory of its own that gets the name only when
 * finished: an interrupted fetch is not mistaken for a finished one. While another process is at it, it is waited
 * for; of two that began at the same moment the first to finish wins.
 */
export async function fetchOnce(
  dir: string,
  { clock, say }: RunContext,
  build: (dir: string) => Promise<void>,
): Promise<void> {
  if (existsSync(dir)) return;
  const giveUpAt = clock.monotonic() + MAX_WAIT_MS;
  for (let told = false; (await othersAtIt(dir)) && clock.monotonic() < giveUpAt; told = true) {
    if (!told) say(`${basename(dir)}: another process is fetching it; waiting for that`);
    await clock.sleep(WAIT_POLL_MS);
  }
  if (!existsSync(dir)) await buildAside(dir, build);
}

async function buildAside(dir: string, build: (dir: string) => Promise<void>): Promise<void> {
  const unfinished = `${dir}.unfinished-${process.pid}`;
  try {
    await mkdir(unfinished, { recursive: true });
    await build(unfinished);
    await rename(unfinished, dir);
  } catch (error) {
    if (!existsSync(dir)) throw error;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Whether another process that runs is building it; what dead ones have left is removed. */
async function othersAtIt(dir: string): Promise<boolean> {
  const parent = dirname(dir);
  await mkdir(parent, { recursive: true });
  const prefix = `${basename(dir)}.unfinished-`;
  const left = (await readdir(parent)).filter((name) => name.startsWith(prefix));
  const isRunning = (name: string): boolean => isAlive(Number(name.slice(prefix.length)));
  for (const name of left.filter((one) => !isRunning(one))) {
    await rm(join(parent, name), { recursive: true, force: true });
  }
  return left.some(isRunning);
}

/** Whether a process with this id runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
