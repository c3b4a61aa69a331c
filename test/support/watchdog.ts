/** Servers of a test must not outlive it, not even when its process is killed with SIGKILL. */
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';

/** Kills the process and removes the directory as soon as ours is gone (its end of the pipe then closes). */
const SCRIPT = 'read -r line; kill -9 "$1" 2>/dev/null; rm -rf "$2"';

/** Watches over one child until the returned function is called. */
export function watchOver(pid: number, dir: string): () => void {
  const watchdog = spawn('sh', ['-c', SCRIPT, 'watchdog', String(pid), dir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watchdog.unref();
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
  return () => void watchdog.kill('SIGKILL');
}
