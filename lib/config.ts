/** Settings from environment variables: checked all at once, so that a person mends them in one go. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { LOOPBACK } from './addresses.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything wrong with the settings; the process says so and exits with 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

const PREFIX = 'MESH_';

/**
 * Reads the settings named by `shape`. Empty strings count as missing.
 * @param known every name any part knows: a variable with our prefix that is not among them is a typing error.
 * @throws ConfigError with one line for each problem.
 */
export function readSettings<S extends z.ZodRawShape>(
  shape: S,
  env: Environment,
  known: readonly string[],
): z.output<z.ZodObject<S>> {
  const given = Object.entries(env).filter(([, value]) => value !== undefined && value !== '');
  const problems = given
    .map(([name]) => name)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name) && !(name in shape))
    .map((name) => unknownName(name, known));
  const parsed = z.object(shape).safeParse(Object.fromEntries(given));
  for (const issue of parsed.error?.issues ?? []) {
    const name = issue.path.join('.');
    problems.push(`${shown(name, env[name])}: ${issue.message}`);
  }
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return parsed.data;
}

/** Secrets, private keys, and URLs, which may hold a password, are not repeated. */
function shown(name: string, value = ''): string {
  return /SECRET|URL|PRIVATE/.test(name) ? name : `${name}=${value}`;
}

function unknownName(name: string, known: readonly string[]): string {
  const [nearest] = [...known].sort((a, b) => distance(name, a) - distance(name, b));
  const hint = nearest && isNear(name, nearest) ? ` Did you mean ${nearest}?` : '';
  return `${name}: no part knows this setting.${hint}`;
}

/** Half of what follows the prefix is the same, and no more than 4 letters differ. */
function isNear(name: string, other: string): boolean {
  return distance(name, other) <= Math.min(4, (name.length - PREFIX.length) / 2);
}

/** Edit distance (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** A whole number between two bounds. */
export function wholeNumber(fallback: number, min: number, max: number) {
  const problem = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, problem)
    .transform(Number)
    .refine((value) => value >= min && value <= max, problem)
    .default(fallback);
}

const MAX_PORT = 65_535;

/** A TCP port to listen on; 0 means any free one. */
export const port = (fallback: number) => wholeNumber(fallback, 0, MAX_PORT);

/** Which of the machine's addresses to listen on. */
export const listenAddress = () =>
  z.string().refine((text) => isIP(text) !== 0, {
    message: `must be an IP address: ${LOOPBACK} for this machine alone, 0.0.0.0 for everyone who reaches it`,
  });

const HOST_PORT = /^(?:\[[0-9a-fA-F:]+\]|[^\s:/]+):(\d{1,5})$/;

/** A comma-separated list of host:port; undefined when not given. */
export function hostPorts(example: string) {
  const isOne = (item: string): boolean => {
    const [, digits] = HOST_PORT.exec(item) ?? [];
    return Number(digits) >= 1 && Number(digits) <= MAX_PORT;
  };
  return z
    .string()
    .transform((text) => text.split(',').map((item) => item.trim()))
    .refine((items) => items.every(isOne), {
      message: `must be host:port, several separated by commas, as in ${example}`,
    })
    .optional();
}
