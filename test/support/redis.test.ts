import { existsSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { isPortTaken } from '../../cli/stack/probes.ts';
import { startRedis } from './redis.ts';

test('a Redis starts, comes back after a kill and leaves nothing behind', async () => {
  const redis = await startRedis();
  const { dir } = redis.spec;
  expect(await isPortTaken(redis.port)).toBe(true);
  await redis.kill();
  expect(await isPortTaken(redis.port)).toBe(false);
  await redis.start();
  expect(await isPortTaken(redis.port)).toBe(true);
  await redis[Symbol.asyncDispose]();
  expect(await isPortTaken(redis.port)).toBe(false);
  expect(existsSync(dir)).toBe(false);
});
