import { expect, test } from '@jest/globals';
import { ConfigError, readSettings } from '../../lib/config.ts';
import { storeSettings } from '../../store/config.ts';

const read = (env: Record<string, string>) => readSettings(storeSettings, env, []);

test('defaults', () => {
  expect(read({})).toEqual({ MESH_SHARDS: 64, MESH_LEASE_TTL_MS: 30_000 });
});

test('several addresses are a list', () => {
  const env = { MESH_REDIS_URL: 'redis://a:7001, rediss://user:secret@b/0' };
  expect(read(env).MESH_REDIS_URL).toEqual(['redis://a:7001', 'rediss://user:secret@b/0']);
});

test.each([
  ['localhost:6379', /begins with "localhost:"/],
  ['http://a', /begins with "http:"; must be redis: or, with TLS, rediss:/],
  ['redis://', /names no host/],
  ['redis://a,', /an address is empty; must be redis:\/\/127.0.0.1:6379/],
  ['what?', /not a URL/],
  ['redis://a:1/5', /"\/5" of a:1 is not database 0/],
])('%s is refused', (url, problem) => {
  expect(() => read({ MESH_REDIS_URL: url })).toThrow(problem);
});

test.each([
  ['MESH_SHARDS', '0'],
  ['MESH_SHARDS', '64.5'],
  ['MESH_LEASE_TTL_MS', '99'],
])('%s=%s is refused', (name, value) => {
  expect(() => read({ [name]: value })).toThrow(ConfigError);
});
