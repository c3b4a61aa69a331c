/** grpcurl, to call the services by hand; built from its Go module. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDir, fetchOnce } from './cache.ts';
import { requireTools, run, type RunContext } from './tools.ts';

const VERSION = '1.9.3';
const PACKAGE = 'github.com/fullstorydev/grpcurl/cmd/grpcurl';

/** Resolves with the binary's path, building it the first time. */
export async function installGrpcurl(context: RunContext): Promise<string> {
  const dir = join(cacheDir(), `grpcurl-${VERSION}`);
  await fetchOnce(dir, context, async (cwd) => {
    requireTools('Building grpcurl', 'go');
    context.say(`grpcurl: building ${VERSION} from its Go module, once, in about a minute`);
    await mkdir(cwd, { recursive: true });
    const env = { GOFLAGS: '-modcacherw', GOWORK: 'off', GOBIN: cwd };
    await run('grpcurl', ['go', 'install', `${PACKAGE}@v${VERSION}`], { ...context, cwd, env });
  });
  return join(dir, 'grpcurl');
}
