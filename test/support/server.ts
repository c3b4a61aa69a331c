/** Runs a real server for tests, in a temporary directory, and takes it down again whatever happens. */
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcess, launch } from '../../cli/stack/launch.ts';
import type { ServerSpec } from '../../cli/stack/server.ts';
import { systemClock } from '../../lib/clock.ts';
import { watchOver } from './watchdog.ts';

export interface TestServer extends AsyncDisposable {
  readonly spec: ServerSpec;
  /** Process ids, those that run. */
  pids(): readonly number[];
  /** SIGKILL to all its processes; resolves when they are gone. Data and ports are kept. */
  kill(): Promise<void>;
  /** Starts it again on the same ports and data; resolves when it serves. */
  start(): Promise<void>;
  /** Any signal, to all its processes. */
  signal(name: NodeJS.Signals): void;
  /** SIGSTOP: connections stay open, nothing answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
}

/** In the directory of the run, if there is one: what is left of it can be found there. */
export function temporaryDir(name: string): Promise<string> {
  return mkdtemp(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), `${name}-`));
}

/** Starts the server that `describe` describes for a fresh directory. */
export async function startServer(
  name: string,
  describe: (dir: string) => ServerSpec | Promise<ServerSpec>,
): Promise<TestServer> {
  const dir = await temporaryDir(name);
  const spec = await describe(dir);
  const server = createTestServer(spec, dir);
  try {
    await spec.prepare();
    await server.start();
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return server;
}

interface Watched {
  readonly child: ChildProcess;
  readonly release: () => void;
}

function createTestServer(spec: ServerSpec, dir: string): TestServer {
  let running: Watched[] = [];
  const signal = (name: NodeJS.Signals): void => running.forEach(({ child }) => child.kill(name));
  const kill = async (): Promise<void> => {
    const ending = running;
    running = [];
    await Promise.all(ending.map(({ child }) => endProcess(child, 'SIGKILL')));
    ending.forEach(({ release }) => release());
  };
  return {
    spec,
    pids: () => running.map(({ child }) => child.pid!),
    kill,
    start: async () => {
      for (const process of spec.processes.slice(running.length)) {
        const child = await launch(process, { clock: systemClock, dir, detached: false });
        running.push({ child, release: watchOver(child.pid!, dir) });
      }
    },
    signal,
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    [Symbol.asyncDispose]: async () => {
      await kill();
      await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
