/** `npm run stack -- run NAME`: one server in the foreground, for whoever supervises processes (Tilt). */
import { mkdir } from 'node:fs/promises';
import type { ChildProcess } from 'node:child_process';
import { endProcess, launch, logFile } from './launch.ts';
import type { ServerSpec } from './server.ts';
import { requireFreePorts } from './stack.ts';
import { serverNamed } from './servers.ts';
import type { RunContext } from './tools.ts';

/** Starts it, fetching what is missing, and resolves once it serves. Disposing stops it and waits. */
export async function run(name: string, context: RunContext): Promise<AsyncDisposable> {
  const server = await serverNamed(name).install(context);
  await requireFreePorts(server);
  await server.prepare();
  const children: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const child of children.splice(0).reverse()) await endProcess(child, 'SIGTERM');
  };
  try {
    for (const process of server.processes) children.push(await start(server, process, context));
  } catch (error) {
    await stop();
    throw error;
  }
  context.say(`${name}: ready on ${server.address}`);
  return { [Symbol.asyncDispose]: stop };
}

async function start(
  { dir }: ServerSpec,
  process: ServerSpec['processes'][number],
  { clock, say }: RunContext,
): Promise<ChildProcess> {
  say(`${process.name}: starting, log in ${logFile(dir, process.name)}`);
  await mkdir(dir, { recursive: true });
  const child = await launch(process, { clock, dir, detached: false });
  child.ref();
  return child;
}
