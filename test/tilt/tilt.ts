/** What Tilt makes of the Tiltfile, evaluated by the real Tilt; no cluster and no server is needed for that. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { packageRoot } from '../support/package-root.ts';
import { temporaryDir } from '../support/server.ts';

export interface Resource {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly ResourceDependencies: readonly string[] | null;
  readonly ImageTargets: readonly { readonly selector: string }[] | null;
  readonly DeployTarget: {
    readonly Links: readonly { readonly URLString?: string }[] | null;
    /** Of a command that ends. */
    readonly UpdateCmdSpec?: { readonly args: readonly [string, ...string[]] } | null;
    /** Of a local process. */
    readonly ServeCmd?: { readonly Argv: readonly [string, ...string[]]; readonly Env: string[] };
    /** Of objects in Kubernetes. */
    readonly yaml?: string;
    readonly portForwardTemplateSpec?: {
      readonly forwards: readonly { readonly localPort: number }[];
    };
  };
}

export interface Command {
  readonly args: readonly [string, ...string[]];
  readonly env?: readonly string[];
}

export interface Evaluated {
  readonly resources: readonly Resource[];
  readonly enabled: readonly string[];
  /** By name. */
  readonly buttons: Readonly<Record<string, { readonly spec: Command }>>;
}

interface Result {
  readonly Manifests: Resource[];
  readonly EnabledManifests: string[];
  readonly ObjectSet: Readonly<Record<string, Evaluated['buttons']>>;
}

export type Environment = Readonly<Record<string, string>>;

/**
 * A checkout that is written to without touching ours. Its files are copied: Tilt follows a link to where the Tiltfile
 * really is.
 */
export async function linkedCheckout(): Promise<string> {
  const [root, dir] = [packageRoot(), await temporaryDir('checkout')];
  for (const entry of await readdir(root, { withFileTypes: true })) {
    const { name } = entry;
    if (entry.isFile()) await copyFile(join(root, name), join(dir, name));
    else if (name !== '.tilt') await symlink(join(root, name), join(dir, name));
  }
  return dir;
}

/** The file of a context that leads nowhere. Tilt takes what is called `kind-…` for a cluster of the developer's own. */
export async function kubeconfig(context: string): Promise<string> {
  const file = join(await temporaryDir('kubeconfig'), 'config');
  const cluster = { name: context, cluster: { server: 'https://127.0.0.1:1' } };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': context,
    clusters: [cluster],
    users: [{ name: 'nobody', user: {} }],
    contexts: [{ name: context, context: { cluster: context, user: 'nobody' } }],
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}

/** Rejects with what Tilt said if it does not accept the file. */
export async function evaluate(
  tilt: string,
  cwd: string,
  args: readonly string[],
  env: Environment,
): Promise<Evaluated> {
  const child = spawn(tilt, ['alpha', 'tiltfile-result', '--', ...args], {
    cwd,
    env: { ...process.env, DO_NOT_TRACK: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, problems] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (output === '') throw new Error(problems);
  const { Manifests, EnabledManifests, ObjectSet } = JSON.parse(output) as Result;
  const buttons = ObjectSet['tilt.dev/v1alpha1, Resource=cmds'] ?? {};
  return { resources: Manifests, enabled: EnabledManifests, buttons };
}

/** Runs a command of Tilt's as Tilt does. */
export function start(
  cwd: string,
  [program, ...args]: readonly [string, ...string[]],
  env: readonly string[],
  more: Environment,
): ChildProcess {
  const own = env.map((line) => [
    line.slice(0, line.indexOf('=')),
    line.slice(line.indexOf('=') + 1),
  ]);
  return spawn(program, args, {
    cwd,
    env: { ...process.env, ...(Object.fromEntries(own) as Environment), ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Resolves with what it printed. Rejects with its complaint if it failed. */
export async function runCommand(
  cwd: string,
  { args, env }: Command,
  more: Environment,
): Promise<string> {
  const child = start(cwd, args, env ?? [], more);
  const ended = once(child, 'close');
  const [output, problems] = await Promise.all([text(child.stdout!), text(child.stderr!)]);
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(problems);
  return output.trim();
}
