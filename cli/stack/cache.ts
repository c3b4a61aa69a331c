/** Where fetched servers are kept: outside the checkout, so that a clean clone does not fetch them again. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';

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

/**
 * Makes sure that `dir` is there and whole. `build` fills a directory of its own that gets the name only when
 * finished: an interrupted fetch is not mistaken for a finished one, and of two at once the first to finish wins.
 */
export async function fetchOnce(dir: string, build: (dir: string) => Promise<void>): Promise<void> {
  if (existsSync(dir)) return;
  await removeAbandoned(dir);
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

async function removeAbandoned(dir: string): Promise<void> {
  const parent = dirname(dir);
  await mkdir(parent, { recursive: true });
  const prefix = `${basename(dir)}.unfinished-`;
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix) || isAlive(Number(name.slice(prefix.length)))) continue;
    await rm(join(parent, name), { recursive: true, force: true });
  }
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
