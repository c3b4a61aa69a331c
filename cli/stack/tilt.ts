/** Tilt, which runs the whole for a developer; built from its Go module. */
import { execFile } from 'node:child_process';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDir, fetchOnce } from './cache.ts';
import { requireTools, run, type RunContext } from './tools.ts';

/** The newest whose modules can all be had; later ones lack a checksum. */
const VERSION = '0.33.0';
const MODULE = 'github.com/tilt-dev/tilt';

/** Resolves with the binary's path, building it the first time. */
export async function installTilt(context: RunContext): Promise<string> {
  const dir = join(cacheDir(), `tilt-${VERSION}`);
  await fetchOnce(dir, context, async (cwd) => {
    requireTools('Building Tilt', 'go');
    context.say(`tilt: building ${VERSION} from its Go module, once, in about two minutes`);
    const source = join(cwd, 'source');
    await copyModule(source, { ...context, cwd });
    const env = { GOFLAGS: '-modcacherw -mod=mod', GOWORK: 'off' };
    const binary = join(cwd, 'tilt');
    const inModule = { ...context, cwd: source, env };
    await run('tilt', ['go', 'build', '-o', binary, './cmd/tilt'], inModule);
    await rm(source, { recursive: true });
  });
  return join(dir, 'tilt');
}

/** Built inside its own module, whose go.sum it needs; `go install` refuses a module that replaces others. */
async function copyModule(source: string, context: RunContext & { cwd: string }): Promise<void> {
  await mkdir(context.cwd, { recursive: true });
  const env = { GOFLAGS: '-modcacherw', GOWORK: 'off' };
  await run('tilt', ['go', 'mod', 'init', 'fetch'], { ...context, env });
  await run('tilt', ['go', 'mod', 'edit', '-require', `${MODULE}@v${VERSION}`], {
    ...context,
    env,
  });
  await run('tilt', ['go', 'mod', 'download', `${MODULE}@v${VERSION}`], { ...context, env });
  const { stdout } = await promisify(execFile)('go', ['env', 'GOMODCACHE']);
  await cp(join(stdout.trim(), `${MODULE}@v${VERSION}`), source, { recursive: true });
  await rm(join(source, 'vendor'), { recursive: true, force: true });
}
