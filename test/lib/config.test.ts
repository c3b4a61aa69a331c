import { expect, test } from '@jest/globals';
import {
  ConfigError,
  hostPorts,
  listenAddress,
  port,
  readSettings,
  wholeNumber,
} from '../../lib/config.ts';
import { z } from 'zod';

const shape = {
  MESH_TTL_MS: wholeNumber(30_000, 100, 60_000),
  MESH_PORT: port(8080),
  MESH_ADDRS: hostPorts('127.0.0.1:9092'),
  MESH_SECRET: z.string().min(8, 'must be at least 8 characters').optional(),
};
const known = Object.keys(shape);

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readSettings(shape, env, known);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('defaults hold where nothing, or nothing but an empty string, is set', () => {
  const settings = readSettings(shape, { MESH_PORT: '', OTHER: 'x' }, known);
  expect(settings).toEqual({ MESH_TTL_MS: 30_000, MESH_PORT: 8080 });
});

test('all problems are told at once, each with the name, the value and what would be right', () => {
  const problems = problemsOf({
    MESH_TTL_MS: '30s',
    MESH_PORT: '70000',
    MESH_ADDRS: 'localhost',
    MESH_TLL_MS: '1',
  });
  expect(problems).toHaveLength(4);
  expect(problems.join('\n')).toContain(
    'MESH_TTL_MS=30s: must be a whole number from 100 to 60000',
  );
  expect(problems.join('\n')).toContain(
    'MESH_TLL_MS: no part knows this setting. Did you mean MESH_TTL_MS?',
  );
  expect(problems.join('\n')).toContain('MESH_ADDRS=localhost: must be host:port');
});

test('a port there is not, a name near to none', () => {
  expect(problemsOf({ MESH_ADDRS: '127.0.0.1:9092,127.0.0.1:99999' })).toHaveLength(1);
  expect(problemsOf({ MESH_FOO: '1' })).toEqual(['MESH_FOO: no part knows this setting.']);
});

test.each(['0.0.0.0', '127.0.0.1', '::', '::1'])('%s is an address to listen on', (host) => {
  const read = readSettings({ MESH_HOST: listenAddress() }, { MESH_HOST: host }, ['MESH_HOST']);
  expect(read).toEqual({ MESH_HOST: host });
});

test.each(['localhost', '127.0.0.1:80', '*', '10.0.0.0/8'])('%s is none', (host) => {
  const read = () => readSettings({ MESH_HOST: listenAddress() }, { MESH_HOST: host }, []);
  expect(read).toThrow(`MESH_HOST=${host}: must be an IP address: 127.0.0.1 for this machine`);
});

test('a secret is never repeated', () => {
  expect(problemsOf({ MESH_SECRET: 'hush' })).toEqual([
    'MESH_SECRET: must be at least 8 characters',
  ]);
});
