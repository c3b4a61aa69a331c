/** `mesh` as a process, given what it cannot use. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { EXIT_USAGE } from '../../lib/lifecycle.ts';
import { packageRoot } from '../support/package-root.ts';

const MESH = join(packageRoot(), 'bin', 'mesh.js');

function mesh(...args: string[]): Promise<{ code: number; out: string; problems: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MESH, ...args], (_, out, problems) =>
      resolve({ code: child.exitCode ?? -1, out, problems }),
    );
  });
}

test.each([
  ['nonsense', /unknown command/],
  ['explain', /missing required argument 'user'/],
  ['explain bob --jsn', /unknown option '--jsn'/],
  ['up extra', /too many arguments/],
  ['stack nonsense', /unknown command/],
  ['vapid --subject ops@example.org', /MESH_VAPID_SUBJECT=ops@example\.org: must be mailto:/],
  ['vapid --subject mailto:a@b;ls', /--subject: write mailto:a@b;ls without/],
  ['vapid --subject ', /MESH_VAPID_SUBJECT: not set/],
])('mesh %s is a wrong use', async (line, problem) => {
  const { code, out, problems } = await mesh(...line.split(' '));
  expect(problems).toMatch(problem);
  expect(code).toBe(EXIT_USAGE);
  expect(out).toBe('');
});

test('help is none', async () => {
  const { code, out } = await mesh('explain', '--help');
  expect(out).toContain('Usage: mesh explain');
  expect(code).toBe(0);
});
