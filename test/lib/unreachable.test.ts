/** Servers that are not there, or do not let us in: the setting, and what would be right. */
import { expect, test } from '@jest/globals';
import { systemClock as clock } from '../../lib/clock.ts';
import { createKafkaBus } from '../../lib/kafka/kafka-bus.ts';
import { openRedis } from '../../lib/redis/connection.ts';
import { unreachable } from '../../lib/unreachable.ts';
import { startRedis } from '../support/redis.ts';

async function problemOfRedis(
  urls: readonly string[],
  [name, ...args]: readonly [string, ...string[]] = ['PING'],
): Promise<string> {
  const connection = openRedis({ urls, clock, commandTimeoutMs: 10_000, name: 'test' });
  try {
    await connection.send(name, args);
    return '';
  } catch (error) {
    return (error as Error).message;
  } finally {
    await connection[Symbol.asyncDispose]();
  }
}

const START_IT = 'Start it with npm run stack -- up, or set MESH_REDIS_URL to where it is.';

test('no Redis, and no server of a cluster', async () => {
  const one = await problemOfRedis(['redis://127.0.0.1:1']);
  expect(one).toMatch(
    /^Redis at 127\.0\.0\.1:1: does not answer \(.*ECONNREFUSED 127\.0\.0\.1:1\)\. /,
  );
  expect(one).toContain(START_IT);
  const cluster = await problemOfRedis(['redis://127.0.0.1:1', 'redis://127.0.0.1:2']);
  expect(cluster).toMatch(/^Redis at 127\.0\.0\.1:1,127\.0\.0\.1:2: /);
  expect(cluster).toContain(START_IT);
});

test('a Redis with a password', async () => {
  await using redis = await startRedis();
  const setPassword = ['CONFIG', 'SET', 'requirepass', 'right'] as const;
  expect(await problemOfRedis([redis.url], setPassword)).toBe('');
  const with_ = (credentials: string) =>
    problemOfRedis([`redis://${credentials}127.0.0.1:${redis.port}`]);
  expect(await with_(':right@')).toBe('');
  expect(await with_('')).toContain('it asks for a password: set MESH_REDIS_URL with one, as in');
  const wrong = await with_(':wrong@');
  expect(wrong).toContain('it does not know the user or the password in MESH_REDIS_URL');
  expect(wrong).not.toContain(':wrong');
});

test('no Kafka', async () => {
  await using bus = createKafkaBus({ brokers: ['127.0.0.1:1'], clientId: 'test', clock });
  const start = 'Start it with npm run stack -- up, or set MESH_KAFKA_BROKERS to where it is.';
  await expect(bus.ping()).rejects.toThrow(/^Kafka at 127\.0\.0\.1:1, .*ECONNREFUSED/);
  await expect(bus.ping()).rejects.toThrow(start);
  await expect(bus.send('topic', [{ value: new Uint8Array([1]) }])).rejects.toThrow(start);
});

test.each([
  ['write EPIPE', 'the connection broke'],
  ['read ECONNRESET', 'the connection broke'],
  ['getaddrinfo ENOTFOUND redis', /^does not answer \(.*ENOTFOUND redis\)\. Start it .*MESH_X/],
  ['Connection timeout', /^does not answer \(Connection timeout\)/],
  ['OOM command not allowed', undefined],
])('%s', (words, told) => {
  const said = unreachable(words, 'MESH_X');
  if (told === undefined) expect(said).toBeUndefined();
  else expect(said).toMatch(told);
});
