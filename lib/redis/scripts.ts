/**
 * Lua scripts in files of their own, each beginning with a header that says what it takes:
 *
 *     -- KEYS: meta (hash) [, state (hash), presence (string)]*
 *     -- ARGV: ttl (ms) [, id]*
 *
 * The part in brackets may be repeated; `none` is none; a line more is indented. Every call is held against the header, so that it cannot lie.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { messageOf } from '../errors.ts';

export interface Arity {
  readonly fixed: number;
  /** How many each repetition adds; 0 when nothing is repeated. */
  readonly repeated: number;
}

export interface Script<Reply> {
  readonly name: string;
  readonly source: string;
  readonly sha1: string;
  readonly keys: Arity;
  readonly args: Arity;
  /** Never there: carries the type of the reply. */
  readonly reply?: Reply;
}

export interface ScriptOptions {
  /** Scripts of the same directory that are put before it. */
  readonly preludes: readonly string[];
  /** Numbers it may use by these names. */
  readonly constants: Readonly<Record<string, number>>;
}

/** Reads `NAME.lua` from a directory. */
export function readScript<Reply>(
  directory: URL,
  name: string,
  { preludes, constants }: ScriptOptions,
): Script<Reply> {
  const read = (file: string): string => readFileSync(new URL(`${file}.lua`, directory), 'utf8');
  const own = read(name);
  const numbers = Object.entries(constants).map(([key, value]) => `local ${key} = ${value}\n`);
  const source = [...numbers, ...preludes.map(read), own].join('');
  const sha1 = createHash('sha1').update(source).digest('hex');
  return { name, source, sha1, keys: arityOf('KEYS', own), args: arityOf('ARGV', own) };
}

/** What a header line declares. */
export function arityOf(list: 'KEYS' | 'ARGV', source: string): Arity {
  const declared = new RegExp(`^-- ${list}: (.*(?:\\n--  .*)*)`, 'm').exec(source)?.[1];
  if (declared === undefined) throw new Error(`the script's header has no line "-- ${list}: …"`);
  const [fixed = '', repeated = ''] = declared.split('[');
  return { fixed: count(fixed), repeated: count(repeated.replace(/^,|\]\*.*$/g, '')) };
}

function count(names: string): number {
  const bare = names.replace(/\([^)]*\)/g, '').trim();
  return bare === '' || bare === 'none' ? 0 : bare.split(',').length;
}

export type Argument = string | number;

/** Sends a command; rejects with the server's error. */
export type Send = (command: string, args: Argument[]) => Promise<unknown>;

/** Runs a script by its digest, or whole on a server that does not know it yet. */
export async function runScript<Reply>(
  send: Send,
  script: Script<Reply>,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<Reply> {
  checkArity(script, keys, args);
  const rest = [keys.length, ...keys, ...args];
  try {
    return (await send('evalsha', [script.sha1, ...rest])) as Reply;
  } catch (error) {
    if (!messageOf(error).includes('NOSCRIPT')) throw error;
    return (await send('eval', [script.source, ...rest])) as Reply;
  }
}

function checkArity(
  { name, keys: keysTaken, args: argsTaken }: Script<unknown>,
  keys: readonly unknown[],
  args: readonly unknown[],
): void {
  if (fits(keys.length, keysTaken) && fits(args.length, argsTaken)) return;
  throw new Error(`${name}.lua does not take ${keys.length} keys and ${args.length} arguments`);
}

function fits(length: number, { fixed, repeated }: Arity): boolean {
  return repeated === 0 ? length === fixed : length >= fixed && (length - fixed) % repeated === 0;
}
