/** The command line: `npx mesh …`. */
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { ConfigError } from '../lib/config.ts';
import { messageOf } from '../lib/errors.ts';
import { EXIT_USAGE } from '../lib/lifecycle.ts';
import { printableLines } from '../lib/printable.ts';
import { connectCommand } from './connect.ts';
import { explainCommand } from './explain.ts';
import { importCommand } from './import.ts';
import { partCommands } from './parts.ts';
import { stackCommand } from './stack/command.ts';
import { tailCommand } from './tail.ts';
import { tokenCommand } from './token.ts';
import { vapidCommand } from './vapid.ts';
import { upCommand } from './up.ts';

const program = new Command('mesh')
  .description('who is online, and everyone who cares told: a gRPC presence mesh')
  .version(version())
  .configureHelp({ showGlobalOptions: true });

for (const command of [
  upCommand(process.env),
  ...partCommands(process.env),
  tokenCommand(process.env),
  vapidCommand(),
  connectCommand(),
  importCommand(),
  explainCommand(process.env),
  tailCommand(process.env),
  stackCommand(),
]) {
  program.addCommand(command);
}
exitWithUsage(program);

/** Of the package, seen from dist/cli. */
function version(): string {
  const read = createRequire(import.meta.url);
  return (read('../../package.json') as { version: string }).version;
}

/** A command made by itself takes nothing over from the one it is added to. */
function exitWithUsage(command: Command): void {
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE));
  command.commands.forEach(exitWithUsage);
}

// Who reads has seen enough: `mesh tail | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});
try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${printableLines(messageOf(error))}\n`);
  process.exitCode = error instanceof ConfigError ? EXIT_USAGE : 1;
}
