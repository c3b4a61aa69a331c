import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { redisServer } from '../../../cli/stack/redis.ts';
import type { StackServer } from '../../../cli/stack/servers.ts';
import { down, status, up } from '../../../cli/stack/stack.ts';
import { systemClock as clock } from '../../../lib/clock.ts';
import { freePort } from '../../support/free-port.ts';
import { temporaryDir } from '../../support/server.ts';

let servers: StackServer[];
let said: string[];
let port: number;
let dir: string;
const context = { clock, say: (line: string): void => void said.push(line) };

beforeEach(async () => {
  said = [];
  port = await freePort();
  dir = await temporaryDir('stack');
  const spec = redisServer({ dir, port });
  servers = [{ spec, install: () => Promise.resolve(spec) }];
});
afterEach(() => down(servers, context, true));

const problems = async (): Promise<(string | undefined)[]> =>
  (await status(servers)).map(({ problem }) => problem);

test('up starts it, again finds it running, down stops it and keeps its data', async () => {
  expect(await problems()).toEqual([expect.stringMatching(/ECONNREFUSED.*\(not started\)/)]);
  await up(servers, context);
  expect(said).toContain(`redis: ready on 127.0.0.1:${port}`);
  expect(await problems()).toEqual([undefined]);
  await up(servers, context);
  expect(said).toContain(`redis: runs already on 127.0.0.1:${port}`);
  await down(servers, context, false);
  expect(said).toContain('redis: stopped');
  expect(await problems()).toEqual([expect.stringContaining('not started')]);
  expect(existsSync(dir)).toBe(true);
  await down(servers, context, true);
  expect(existsSync(dir)).toBe(false);
});

test('one that was frozen is not ready, and up says so', async () => {
  await up(servers, context);
  const [running] = await status(servers);
  process.kill(running!.pid!, 'SIGSTOP');
  expect(await problems()).toEqual([expect.stringMatching(/no answer on port.*see .*redis\.log/)]);
  await expect(up(servers, context)).rejects.toThrow(/redis: runs but does not serve/);
  process.kill(running!.pid!, 'SIGCONT');
  await up(servers, context);
});

test('a port that is taken is named, and what to do', async () => {
  const other = createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  await expect(up(servers, context)).rejects.toThrow(
    new RegExp(`redis: port ${port} is taken by .*MESH_REDIS_URL=redis://127.0.0.1:${port}`),
  );
  other.close();
  await once(other, 'close');
});
