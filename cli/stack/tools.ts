/** Programs that must be there already: found on PATH, or the command that installs them. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';

const REPORT_EVERY_MS = 10_000;
const OUTPUT_TAIL_CHARS = 2_000;

const HOW_TO_GET = {
  'redis-server': 'apt-get install redis-server (or any redis-server 7 on PATH)',
  java: 'apt-get install default-jre-headless (17 or later)',
  mvn: 'apt-get install maven',
  chromium: 'apt-get install chromium',
  go: 'see https://go.dev/dl (1.22 or later), or apt-get install golang',
} as const;

export type Tool = keyof typeof HOW_TO_GET;

export function hasTool(tool: string): boolean {
  return findTool(tool) !== undefined;
}

/** Its file; undefined when it is not on PATH. */
export function findTool(tool: string): string | undefined {
  const dirs = (process.env['PATH'] ?? '').split(delimiter);
  return dirs.map((dir) => join(dir, tool)).find(isExecutable);
}

/** Throws an error that names every tool that is missing and how to get it. */
export function requireTools(what: string, ...tools: Tool[]): void {
  const missing = tools.filter((tool) => !hasTool(tool));
  if (missing.length === 0) return;
  const lines = missing.map((tool) => `  ${tool}: ${HOW_TO_GET[tool]}`);
  throw new Error([`${what} needs what is not on PATH:`, ...lines].join('\n'));
}

/** By apt-get, where it may; `requireTools` says how to get what is still missing. */
export async function installByApt(tool: Tool, context: RunContext): Promise<void> {
  if (hasTool(tool) || process.getuid?.() !== 0 || !hasTool('apt-get')) return;
  context.say(`${tool}: installing it by apt-get`);
  const quietly = { ...context, env: { DEBIAN_FRONTEND: 'noninteractive' } };
  await run(tool, ['apt-get', 'update', '-qq'], quietly);
  await run(tool, ['apt-get', 'install', '-y', '-qq', tool], quietly);
}

export interface RunContext {
  readonly clock: Clock;
  /** Tells the person waiting, one line at a time. */
  readonly say: (line: string) => void;
}

/** Runs a command to its end, saying every ten seconds that it is still at it; throws with its last output. */
export async function run(
  what: string,
  command: readonly [string, ...string[]],
  { clock, say, cwd, env }: RunContext & { cwd?: string; env?: Record<string, string> },
): Promise<void> {
  const [program, ...args] = command;
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env } });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-OUTPUT_TAIL_CHARS);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const startedAt = clock.monotonic();
  const report = clock.every(REPORT_EVERY_MS, () => {
    say(`${what}: still at it after ${Math.round((clock.monotonic() - startedAt) / 1_000)} s`);
  });
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit, signal) => resolve(exit ?? signal ?? 'nothing'));
  }).finally(() => report.cancel());
  if (code !== 0) throw new Error(`${what}: ${command.join(' ')} ended with ${code}\n${output}`);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
