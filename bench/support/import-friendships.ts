/** Loads edges the way people do: `mesh import FILE`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageRoot } from '../../test/support/package-root.ts';
import type { Friendships } from './friendships.ts';

/** @param graphAddress host:port of the graph's gRPC. */
export async function importFriendships(
  { file }: Pick<Friendships, 'file'>,
  graphAddress: string,
): Promise<void> {
  const mesh = join(packageRoot(), 'bin', 'mesh.js');
  const child = spawn(process.execPath, [mesh, 'import', file], {
    env: { ...process.env, MESH_GRAPH_ADDRS: graphAddress },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`mesh import ended with ${String(code)}: ${said}`);
}
