/** `tilt ci`: everything is built, started and ready, and taken down again. Takes the usual ports of the servers. */
import { spawn } from 'node:child_process';
import { cp, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { installTilt } from '../../cli/stack/tilt.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryDir } from '../support/server.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Below the ports that outgoing connections of other tests are given. */
const ADDRESSES = {
  MESH_PRESENCE_ADDRS: '127.0.0.1:15051',
  MESH_GRAPH_ADDRS: '127.0.0.1:15052',
};

/** Tilt generates and builds, which must not happen under the feet of the other tests. */
async function copyOfCheckout(): Promise<string> {
  const dir = await temporaryDir('checkout');
  const left = new Set(['node_modules', '.git', 'dist'].map((name) => join(ROOT, name)));
  await cp(ROOT, dir, { recursive: true, filter: (source) => !left.has(source) });
  await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  return dir;
}

async function tiltCi(binary: string, cwd: string): Promise<string> {
  const port = String(await freePort());
  const child = spawn(binary, ['ci', '--web-mode=prod', '--port', port, '--timeout', '5m'], {
    cwd,
    env: { ...process.env, ...ADDRESSES, DO_NOT_TRACK: '1' },
  });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve(`${output}\nexit ${code}`)));
}

test('tilt ci ends with SUCCESS', async () => {
  const binary = await installTilt({ clock, say: () => undefined });
  const checkout = await copyOfCheckout();
  try {
    const output = await tiltCi(binary, checkout);
    expect(output).toContain('SUCCESS. All workloads are healthy.');
    expect(output).toMatch(/exit 0$/);
  } finally {
    await rm(checkout, { recursive: true });
  }
}, 900_000);
