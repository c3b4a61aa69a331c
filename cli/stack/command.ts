/** `npm run stack -- up | down | status | env`: real Redis, Kafka and Dgraph on this machine, without Docker. */
import { Command } from 'commander';
import { systemClock } from '../../lib/clock.ts';
import { stackDir } from './cache.ts';
import { createLogger } from '../../lib/logger.ts';
import { runProcess } from '../../lib/lifecycle.ts';
import { installGrpcurl } from './grpcurl.ts';
import { run } from './run.ts';
import { stackServers } from './servers.ts';
import { down, environment, status, up } from './stack.ts';
import type { RunContext } from './tools.ts';

const CLOSE_WITHIN_MS = 20_000;

/** What happens goes to stderr, so that stdout holds only what was asked for. */
const context: RunContext = {
  clock: systemClock,
  say: (line) => void process.stderr.write(`${line}\n`),
};

export function stackCommand(): Command {
  const stack = new Command('stack').description(
    `real Redis, Kafka and Dgraph on loopback, without Docker; data and logs in ${stackDir()}`,
  );
  stack
    .command('up')
    .description('fetches what is missing, starts what does not run, prints the settings to use it')
    .option('--grpcurl', 'also builds grpcurl, to call the services by hand')
    .action(async ({ grpcurl }: { grpcurl?: boolean }) => {
      await up(stackServers(), context);
      if (grpcurl) context.say(`grpcurl: ${await installGrpcurl(context)}`);
      printEnvironment();
    });
  stack
    .command('down')
    .description('stops them and waits until they are gone')
    .option('--wipe', 'removes their data as well')
    .action(async ({ wipe = false }: { wipe?: boolean }) => down(stackServers(), context, wipe));
  stack
    .command('status')
    .description('tells of each server whether it serves, and if not, why; exits 1 if one does not')
    .action(printStatus);
  stack
    .command('run')
    .description('runs one of them in the foreground, until a signal')
    .argument('<name>', 'redis, kafka or dgraph')
    .action((name: string) => runInForeground(name));
  stack
    .command('env')
    .description('prints the settings to use them: eval "$(npm run -s stack -- env)"')
    .action(printEnvironment);
  return stack;
}

function runInForeground(name: string): Promise<void> {
  const logger = createLogger('stack', 'warn');
  const { clock } = context;
  return runProcess(() => run(name, context), { clock, logger, closeWithinMs: CLOSE_WITHIN_MS });
}

function printEnvironment(): void {
  for (const [name, value] of Object.entries(environment(stackServers()))) {
    process.stdout.write(`export ${name}=${value}\n`);
  }
}

async function printStatus(): Promise<void> {
  for (const { name, address, pid, problem } of await status(stackServers())) {
    const state = problem === undefined ? 'ready' : 'not ready';
    const rest = [pid && `process ${pid}`, problem].filter(Boolean).join(': ');
    process.stdout.write(`${name.padEnd(14)}${address.padEnd(18)}${state.padEnd(11)}${rest}\n`);
    if (problem !== undefined) process.exitCode = 1;
  }
}
