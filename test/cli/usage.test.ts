/** `mesh` as a process, given what it cannot use. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { EXIT_USAGE } from '../../lib/lifecycle.ts';
import { packageRoot } from '../support/package-root.ts';

/** Nobody listens there. */
const NOWHERE = { MESH_PRESENCE_ADDRS: '127.0.0.1:1', MESH_GRAPH_ADDRS: '127.0.0.1:1' };
const MESH = join(packageRoot(), 'bin', 'mesh.js');

function mesh(...args: string[]): Promise<{ code: number; out: string; problems: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...NOWHERE };
    const child = execFile(process.execPath, [MESH, ...args], { env }, (_, out, problems) =>
      resolve({ code: child.exitCode ?? -1, out, problems }),
    );
  });
}

test.each([
  ['nonsense', /unknown command/],
  ['explain', /missing required argument 'user'/],
  ['explain bob --jsn', /unknown option '--jsn'/],
  ['explain a/b', /USER: "a\/b" is no id; it is 1 to 128 of/],
  ['token a/b', /USER: "a\/b" is no id/],
  ['tail --user a/b', /--user: "a\/b" is no id/],
  ['connect alice --url nonsense', /--url: "nonsense" is no gateway; give ws:/],
  ['connect alice --url ftp://x', /--url: "ftp:\/\/x" is no gateway/],
  ['up extra', /too many arguments/],
  ['stack up redis nix nox', /"nix" is no server .* redis, kafka.*\n"nox" is no server/],
  ['stack down kafak', /"kafak" is no server of the stack; there are redis, kafka, dgraph, traces/],
  ['stack run nix', /"nix" is no server of the stack/],
  ['stack env nix', /"nix" is no server of the stack/],
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

test('the version is that of the package', async () => {
  const { code, out } = await mesh('--version');
  expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(code).toBe(0);
});

test('help is none', async () => {
  const { code, out } = await mesh('explain', '--help');
  expect(out).toContain('Usage: mesh explain');
  expect(code).toBe(0);
});

test.each([
  ['explain bob', /127\.0\.0\.1:1.*\. Start one with npm start, or set MESH_PRESENCE_ADDRS/],
  ['tail', /127\.0\.0\.1:1.*\. Start one with npm start, or set MESH_PRESENCE_ADDRS/],
  ['connect bob --url ws://127.0.0.1:1/', /^ws:\/\/127\.0\.0\.1:1: .*\. Start one with npm start/],
  ['import .', /^\. is a directory; give a file of edges\n$/],
  ['import missing.tsv', /^missing\.tsv is not there\n$/],
  ['import package.json/x', /^package\.json\/x is not there\n$/],
])('mesh %s: what is not there is told in a line', async (line, problem) => {
  const { code, out, problems } = await mesh(...line.split(' '));
  expect(problems).toMatch(problem);
  expect(problems.trimEnd().split('\n')).toHaveLength(1);
  expect(code).toBe(1);
  expect(out).toBe('');
});

test('whoever reads may stop reading', async () => {
  const child = spawn(process.execPath, [MESH, 'vapid'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let problems = '';
  child.stderr.on('data', (data: Buffer) => (problems += data.toString()));
  const [code] = (await once(child, 'close')) as [number];
  expect(problems).toBe('');
  expect(code).toBe(0);
});
