/** `npm run stack -- up | down | status | run | env`: real servers on this machine, without Docker. */
import { Command } from 'commander';
import { systemClock } from '../../lib/clock.ts';
import { stackDir } from './cache.ts';
import { createLogger } from '../../lib/logger.ts';
import { runProcess } from '../../lib/lifecycle.ts';
import { installGrpcurl } from './grpcurl.ts';
import { run } from './run.ts';
import { serversNamed, stackServers, tracesServer, type StackServer } from './servers.ts';
import { down, environment, isStarted, status, up } from './stack.ts';
import type { RunContext } from './tools.ts';

const CLOSE_WITHIN_MS = 20_000;

/** What happens goes to stderr, so that stdout holds only what was asked for. */
const context: RunContext = {
  clock: systemClock,
  say: (line) => void process.stderr.write(`${line}\n`),
};

const NAMES = 'redis, kafka, dgraph, traces';

/** What the mesh needs, and what else was started. */
const inUse = (): readonly StackServer[] => [
  ...stackServers(),
  ...[tracesServer()].filter(isStarted),
];

export function stackCommand(): Command {
  const stack = new Command('stack').description(
    `real Redis, Kafka, Dgraph, and Zipkin for traces, on loopback, without Docker; data and logs in ${stackDir()}`,
  );
  stack
    .command('up')
    .description('fetches what is missing, starts what does not run, prints the settings to use it')
    .argument('[names...]', `of ${NAMES}; default: all but traces`)
    .option('--grpcurl', 'also builds grpcurl, to call the services by hand')
    .action(async (names: string[], { grpcurl }: { grpcurl?: boolean }) => {
      const servers = serversNamed(names);
      await up(servers, context);
      if (grpcurl) context.say(`grpcurl: ${await installGrpcurl(context)}`);
      printEnvironment(servers);
    });
  stack
    .command('down')
    .description('stops them and waits until they are gone')
    .argument('[names...]', `of ${NAMES}; default: all`)
    .option('--wipe', 'removes their data as well')
    .action((names: string[], { wipe = false }: { wipe?: boolean }) =>
      down(names.length === 0 ? inUse() : serversNamed(names), context, wipe),
    );
  stack
    .command('status')
    .description('tells of each server whether it serves, and if not, why; exits 1 if one does not')
    .action(printStatus);
  stack
    .command('run')
    .description('runs one of them in the foreground, until a signal')
    .argument('<name>', NAMES)
    .action((name: string) => runInForeground(name));
  stack
    .command('env')
    .description('prints the settings to use them: eval "$(npm run -s stack -- env)"')
    .argument('[names...]', `of ${NAMES}; default: all, traces if it was started`)
    .action((names: string[]) =>
      printEnvironment(names.length === 0 ? inUse() : serversNamed(names)),
    );
  return stack;
}

function runInForeground(name: string): Promise<void> {
  const logger = createLogger('stack', 'warn');
  const { clock } = context;
  return runProcess(() => run(name, context), { clock, logger, closeWithinMs: CLOSE_WITHIN_MS });
}

function printEnvironment(servers: readonly StackServer[]): void {
  for (const [name, value] of Object.entries(environment(servers))) {
    process.stdout.write(`export ${name}=${value}\n`);
  }
}

async function printStatus(): Promise<void> {
  for (const { name, address, pid, problem } of await status(inUse())) {
    const state = problem === undefined ? 'ready' : 'not ready';
    const rest = [pid && `process ${pid}`, problem].filter(Boolean).join(': ');
    process.stdout.write(`${name.padEnd(14)}${address.padEnd(18)}${state.padEnd(11)}${rest}\n`);
    if (problem !== undefined) process.exitCode = 1;
  }
}
