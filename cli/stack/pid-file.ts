/** Remembers which process was started, told apart from a later one that happens to get the same id. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isAlive } from './cache.ts';

export interface PidFile {
  /** The process, if it still runs. */
  read(): number | undefined;
  write(pid: number): void;
  remove(): void;
}

export function pidFile(path: string): PidFile {
  return {
    read: () => {
      if (!existsSync(path)) return undefined;
      const [pid, started] = readFileSync(path, 'utf8').trim().split(' ');
      const isOurs = isAlive(Number(pid)) && startTime(Number(pid)) === (started ?? '');
      return isOurs ? Number(pid) : undefined;
    },
    write: (pid) => writeFileSync(path, `${pid} ${startTime(pid)}\n`),
    remove: () => rmSync(path, { force: true }),
  };
}

/** In ticks since boot; empty where there is no /proc. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
