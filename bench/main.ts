/** `npm run bench -- NAME… [--json FILE]`: runs benchmarks one after the other. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { systemClock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import { celebrity } from './celebrity.ts';
import { heartbeats } from './heartbeats.ts';
import { lateness } from './lateness.ts';
import { propagation } from './propagation.ts';
import { reconnects } from './reconnects.ts';
import type { Benchmark } from './support/benchmark.ts';
import { describeLoad, describeMachine, formatTable } from './support/report.ts';
import type { Result } from './support/result.ts';
import { tracing } from './tracing.ts';

const BENCHMARKS: readonly Benchmark[] = [
  lateness,
  propagation,
  heartbeats,
  reconnects,
  celebrity,
  tracing,
];
const EXIT_USAGE = 2;

interface Options {
  readonly json?: string;
  readonly list?: boolean;
}

const program = new Command('bench')
  .description('measures, each value beside its baseline of the same run (Linux only: /proc)')
  .argument('[names...]', 'benchmarks to run')
  .option('--json <file>', 'also write the results as JSON')
  .option('--list', 'tell which benchmarks there are')
  .action(async (names: string[], { json, list }: Options) => {
    if (list) return tellAll();
    const chosen = choose(names);
    const loadBefore = describeLoad();
    const results = await runAll(chosen);
    print(formatTable(results));
    print(`${describeMachine()}; ${loadBefore} before`);
    if (json) await writeFile(json, `${JSON.stringify(results, null, 2)}\n`);
  });

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}

function tellAll(): void {
  const width = Math.max(...BENCHMARKS.map(({ name }) => name.length));
  for (const { name, about } of BENCHMARKS) print(`${name.padEnd(width)}  ${about}`);
}

function choose(names: readonly string[]): readonly Benchmark[] {
  const known = BENCHMARKS.map(({ name }) => name).join(', ');
  if (names.length === 0) refuse(`Name one or more of ${known}.`);
  return names.map((name) => {
    const found = BENCHMARKS.find((benchmark) => benchmark.name === name);
    return found ?? refuse(`There is no benchmark ${name}: name one or more of ${known}.`);
  });
}

function refuse(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(EXIT_USAGE);
}

async function runAll(benchmarks: readonly Benchmark[]): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const benchmark of benchmarks) {
    const say = (line: string): void => void process.stderr.write(`${benchmark.name}: ${line}\n`);
    results.push(...(await benchmark.run({ clock: systemClock, say })));
  }
  return results;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
