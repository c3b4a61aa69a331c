import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemClock as clock } from '../../../lib/clock.ts';
import { openRedis, type RedisConnection } from '../../../lib/redis/connection.ts';
import { arityOf, readScript, runScript } from '../../../lib/redis/scripts.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';

const HEADER = '-- KEYS: none\n-- ARGV: first (ms) [, other]*\n';

let redis: TestRedis;
let connection: RedisConnection;
let directory: string;

beforeAll(async () => {
  redis = await startRedis();
  connection = openRedis({ urls: [redis.url], clock, commandTimeoutMs: 20_000, name: 'test' });
  directory = mkdtempSync(join(tmpdir(), 'scripts-'));
});
afterAll(async () => {
  await connection[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

function scriptOf<Reply>(source: string, preludes: Record<string, string> = {}) {
  for (const [name, text] of Object.entries({ ...preludes, own: source })) {
    writeFileSync(join(directory, `${name}.lua`), text);
  }
  const options = { preludes: Object.keys(preludes), constants: { STEP: 5 } };
  return readScript<Reply>(pathToFileURL(`${directory}/`), 'own', options);
}

test.each([
  ['-- KEYS: none', { fixed: 0, repeated: 0 }],
  ['-- KEYS: meta (hash)', { fixed: 1, repeated: 0 }],
  ['-- KEYS: meta (hash; a, b), other [, one (x), two]*', { fixed: 2, repeated: 2 }],
  ['-- KEYS: one,\n--       two', { fixed: 2, repeated: 0 }],
])('%j takes %j', (line, arity) => {
  expect(arityOf('KEYS', `-- What it does.\n${line}\n-- Returns: nothing`)).toEqual(arity);
});

test('a script without a header is refused', () => {
  expect(() => scriptOf('return 1')).toThrow('no line "-- KEYS: …"');
});

test('constants and preludes come before the script; a server that forgot it gets it again', async () => {
  const source = `${HEADER}return { twice(STEP), #ARGV }`;
  const prelude = 'local function twice(n) return 2 * n end\n';
  const script = scriptOf<[number, number]>(source, { prelude });
  const run = () => runScript(connection.send, script, [], [1, 'x']);
  expect(await run()).toEqual([10, 2]);
  expect(await run()).toEqual([10, 2]);
  await connection.send('script', ['FLUSH']);
  expect(await run()).toEqual([10, 2]);
});

test('a call that does not fit the header is refused before it is sent', async () => {
  const script = scriptOf(`${HEADER}return 1`);
  const call = runScript(connection.send, script, ['key'], [1]);
  await expect(call).rejects.toThrow('own.lua does not take 1 keys and 1 arguments');
});

test('what a script throws names the server and is not worth another try', async () => {
  const script = scriptOf(`${HEADER}return redis.call('NONSENSE')`);
  const call = runScript(connection.send, script, [], [1]);
  await expect(call).rejects.toMatchObject({ code: 'REFUSED', address: `127.0.0.1:${redis.port}` });
});
