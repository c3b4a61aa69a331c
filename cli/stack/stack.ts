/** What `npm run stack -- up | down | status` do. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../lib/errors.ts';
import { isAlive } from './cache.ts';
import { launch, logFile } from './launch.ts';
import { pidFile } from './pid-file.ts';
import { portOwner } from './port-owner.ts';
import { isPortTaken } from './probes.ts';
import type { ProcessSpec, ServerSpec } from './server.ts';
import type { StackServer } from './servers.ts';
import type { RunContext } from './tools.ts';

const STOP_POLL_MS = 50;
const KILL_AFTER_MS = 20_000;

/** Fetches and starts what does not run yet; throws one error that tells of every server that failed. */
export async function up(servers: readonly StackServer[], context: RunContext): Promise<void> {
  const results = await Promise.allSettled(servers.map((server) => bringUp(server, context)));
  const failures = results.filter((result) => result.status === 'rejected');
  if (failures.length === 0) return;
  throw new Error(failures.map(({ reason }) => messageOf(reason)).join('\n'));
}

/** Stops what `up` started, the last started first, and waits until it is gone. */
export async function down(
  servers: readonly StackServer[],
  context: RunContext,
  wipe: boolean,
): Promise<void> {
  await Promise.all(
    servers.map(async ({ spec }) => {
      for (const process of [...spec.processes].reverse()) await stop(spec, process, context);
      if (!wipe) return;
      await rm(spec.dir, { recursive: true, force: true });
      context.say(`${spec.name}: data removed`);
    }),
  );
}

export interface ProcessStatus {
  readonly name: string;
  readonly address: string;
  /** Undefined: it serves. Otherwise why it does not. */
  readonly problem?: string;
  readonly pid?: number;
}

export async function status(servers: readonly StackServer[]): Promise<readonly ProcessStatus[]> {
  const each = servers.flatMap(({ spec }) =>
    spec.processes.map(async (process): Promise<ProcessStatus> => {
      const pid = pidOf(spec, process).read();
      const running = { name: process.name, address: spec.address, ...(pid && { pid }) };
      const problem = await problemOf(process);
      if (problem === undefined) return running;
      const hint = pid ? `see ${logFile(spec.dir, process.name)}` : 'not started';
      return { ...running, problem: `${problem} (${hint})` };
    }),
  );
  return Promise.all(each);
}

/** The settings that make the mesh use these servers. */
export function environment(servers: readonly StackServer[]): Readonly<Record<string, string>> {
  return Object.assign({}, ...servers.map(({ spec }) => spec.env)) as Record<string, string>;
}

/** Whether `up` started it, or a process of it, and that still runs. */
export function isStarted({ spec }: StackServer): boolean {
  return spec.processes.some((process) => pidOf(spec, process).read() !== undefined);
}

async function bringUp({ spec, install }: StackServer, context: RunContext): Promise<void> {
  const { name, address } = spec;
  if (spec.processes.every((process) => pidOf(spec, process).read() !== undefined)) {
    const problems = await Promise.all(spec.processes.map(problemOf));
    const problem = problems.find((found) => found !== undefined);
    if (problem === undefined) {
      context.say(`${name}: runs already on ${address}`);
      return;
    }
    throw new Error(
      `${name}: runs but does not serve: ${problem}\n  npm run stack -- down ${name}`,
    );
  }
  const server = await install(context);
  await server.prepare();
  for (const process of server.processes) await startProcess(server, process, context);
  context.say(`${name}: ready on ${address}`);
}

async function startProcess(
  server: ServerSpec,
  process: ProcessSpec,
  context: RunContext,
): Promise<void> {
  const file = pidOf(server, process);
  if (file.read() !== undefined) return;
  if (server.processes.every((other) => pidOf(server, other).read() === undefined)) {
    await requireFreePorts(server);
  }
  context.say(`${process.name}: starting, log in ${logFile(server.dir, process.name)}`);
  await mkdir(server.dir, { recursive: true });
  try {
    const onSpawn = (pid: number): void => file.write(pid);
    await launch(process, { clock: context.clock, dir: server.dir, detached: true, onSpawn });
  } catch (error) {
    file.remove();
    throw error;
  }
}

export async function requireFreePorts({ name, ports, env }: ServerSpec): Promise<void> {
  for (const port of ports) {
    if (!(await isPortTaken(port))) continue;
    const [setting = '', value = ''] = Object.entries(env)[0] ?? [];
    throw new Error(
      `${name}: port ${port} is taken by ${await portOwner(port)}. Stop that, or, if it is a ` +
        `${name} that you want to use, do without this one and set ${setting}=${value}.`,
    );
  }
}

async function stop(spec: ServerSpec, process: ProcessSpec, context: RunContext): Promise<void> {
  const { clock, say } = context;
  const file = pidOf(spec, process);
  const pid = file.read();
  if (pid === undefined) {
    say(`${process.name}: not running`);
    return;
  }
  signal(pid, 'SIGTERM');
  const killAt = clock.monotonic() + KILL_AFTER_MS;
  while (isAlive(pid)) {
    if (clock.monotonic() > killAt) signal(pid, 'SIGKILL');
    await clock.sleep(STOP_POLL_MS);
  }
  file.remove();
  say(`${process.name}: stopped`);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

function pidOf(spec: ServerSpec, process: ProcessSpec): ReturnType<typeof pidFile> {
  return pidFile(join(spec.dir, `${process.name}.pid`));
}

function problemOf(process: ProcessSpec): Promise<string | undefined> {
  return process.probe().then(() => undefined, messageOf);
}
