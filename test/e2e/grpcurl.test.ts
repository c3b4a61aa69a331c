/** docs/grpcurl.md, command by command, as it stands but for the port. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { installGrpcurl } from '../../cli/stack/grpcurl.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { startEmbedded, type EmbeddedMesh } from '../support/mesh.ts';

const DOC = readFileSync(new URL('../../docs/grpcurl.md', import.meta.url), 'utf8');
const commands = DOC.split('\n').filter((line) => line.startsWith('grpcurl -'));

let mesh: EmbeddedMesh;
let binary: string;
beforeAll(async () => {
  binary = await installGrpcurl({ clock, say: () => undefined });
  mesh = await startEmbedded();
}, 300_000);
afterAll(async () => mesh[Symbol.asyncDispose]());

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

function run(command: string): Promise<Outcome> {
  const path = `${dirname(binary)}:${process.env['PATH'] ?? ''}`;
  const child = spawn('sh', ['-c', command.replaceAll('127.0.0.1:50051', mesh.grpcAddress)], {
    env: { ...process.env, PATH: path },
  });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
}

test('the page has commands for every service', () => {
  const called = ['presence.v1', 'registry.v1', 'graph.v1', 'grpc.health.v1'];
  for (const name of called) expect(commands.some((line) => line.includes(name))).toBe(true);
});

test.each(commands)('%s', async (command) => {
  const { code, output } = await run(command);
  const [, expected] = command.split('# ');
  if (command.includes('-max-time')) expect(output).toContain('DeadlineExceeded');
  else if (expected) expect(output).toContain(`Code: ${expected}`);
  else expect({ code, output }).toMatchObject({ code: 0 });
});
