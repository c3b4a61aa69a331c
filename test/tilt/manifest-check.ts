/**
 * Asks Kubernetes' own code whether manifests are right, without a cluster: manifests/main.go, built once for what it
 * is made of.
 */
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { cacheDir, fetchOnce } from '../../cli/stack/cache.ts';
import { requireTools, run } from '../../cli/stack/tools.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import type { Manifest } from './kubernetes.ts';

const SOURCE = fileURLToPath(new URL('manifests/', import.meta.url));
const FILES = ['main.go', 'go.mod', 'go.sum'];

/** Resolves with the binary's path, building it the first time. */
export async function installManifestCheck(): Promise<string> {
  const contents = await Promise.all(FILES.map((file) => readFile(join(SOURCE, file))));
  const digest = createHash('sha256').update(Buffer.concat(contents)).digest('hex').slice(0, 12);
  const dir = join(cacheDir(), `manifests-${digest}`);
  const context = { clock, say: () => undefined };
  await fetchOnce(dir, context, async (cwd) => {
    requireTools('Building the check of manifests', 'go');
    for (const file of FILES) await copyFile(join(SOURCE, file), join(cwd, file));
    const env = { GOFLAGS: '-modcacherw', GOWORK: 'off' };
    const command = ['go', 'build', '-trimpath', '-ldflags=-s -w', '-o', 'manifests', '.'] as const;
    await run('manifests', command, { ...context, cwd, env });
  });
  return join(dir, 'manifests');
}

export interface Checked {
  /** Those that are right, with Kubernetes' defaults. */
  readonly objects: readonly Manifest[];
  /** Each names the file, the document and what is wrong. Empty: all are right. */
  readonly problems: string;
}

export async function checkManifests(binary: string, files: readonly string[]): Promise<Checked> {
  const child = spawn(binary, files, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [objects, problems] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { objects: JSON.parse(objects) as Manifest[], problems };
}
