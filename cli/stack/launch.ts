/** Starts a server's process and waits until it serves. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import type { ProcessSpec } from './server.ts';

const POLL_MS = 50;
const LOG_TAIL_LINES = 15;

export interface LaunchOptions {
  readonly clock: Clock;
  /** Working directory, and where `<name>.log` goes. */
  readonly dir: string;
  /** Lives on after this process has ended. */
  readonly detached: boolean;
  /** Told at once which process it is, before it serves. */
  readonly onSpawn?: (pid: number) => void;
  /** Given up after this long, the process killed. Default 60,000. */
  readonly timeoutMs?: number;
}

/**
 * Resolves with the running process once its probe succeeds; a failed start is killed, awaited and explained.
 * The process does not keep ours alive.
 */
export async function launch(spec: ProcessSpec, options: LaunchOptions): Promise<ChildProcess> {
  const child = spawnLogged(spec, options);
  if (child.pid !== undefined) options.onSpawn?.(child.pid);
  try {
    await serving(spec, child, options);
  } catch (cause) {
    await endProcess(child, 'SIGKILL');
    const tail = logTail(logFile(options.dir, spec.name));
    throw new Error(`${spec.name} did not start: ${messageOf(cause)}\n${tail}`, { cause });
  }
  child.unref();
  return child;
}

/** Signals the process and resolves when it is gone. */
export function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return Promise.resolve();
  child.ref();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
    child.kill(signal);
  });
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

export function logFile(dir: string, name: string): string {
  return join(dir, `${name}.log`);
}

function spawnLogged(spec: ProcessSpec, options: LaunchOptions): ChildProcess {
  mkdirSync(options.dir, { recursive: true });
  const log = openSync(logFile(options.dir, spec.name), 'a');
  try {
    return spawn(spec.command, spec.args, {
      cwd: options.dir,
      detached: options.detached,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...spec.env },
    });
  } finally {
    closeSync(log);
  }
}

async function serving(
  spec: ProcessSpec,
  child: ChildProcess,
  { clock, timeoutMs = 60_000 }: LaunchOptions,
): Promise<void> {
  if (child.pid === undefined) throw (await once(child, 'error'))[0];
  const giveUpAt = clock.monotonic() + timeoutMs;
  for (;;) {
    if (hasEnded(child))
      throw new Error(`it ended with ${String(child.exitCode ?? child.signalCode)}`);
    const problem = await spec.probe().then(() => undefined, messageOf);
    // Whoever answered is somebody else if ours has ended meanwhile.
    if (problem === undefined && !hasEnded(child)) return;
    if (clock.monotonic() > giveUpAt)
      throw new Error(`not ready in ${timeoutMs} ms: ${problem ?? ''}`);
    await clock.sleep(POLL_MS);
  }
}

function logTail(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
}
