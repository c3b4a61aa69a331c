import { afterEach, expect, test } from '@jest/globals';
import { stackServers } from '../../../cli/stack/servers.ts';
import { environment } from '../../../cli/stack/stack.ts';
import { requireTools } from '../../../cli/stack/tools.ts';
import { knownNames } from '../../../cli/settings.ts';

const PATH = process.env['PATH'];
afterEach(() => void (process.env['PATH'] = PATH));

test('a missing tool says how to get it, all missing ones at once', () => {
  process.env['PATH'] = '/nowhere';
  expect(() => requireTools('Kafka', 'java', 'mvn')).toThrow(
    /^Kafka needs what is not on PATH:\n {2}java: apt-get install .*\n {2}mvn: apt-get install maven$/,
  );
});

test('no two servers want the same port, and none the mesh’s own', () => {
  const ports = stackServers().flatMap(({ spec }) => spec.ports);
  expect(new Set([...ports, 8080, 8081, 50051, 50052]).size).toBe(ports.length + 4);
});

test('the environment has only settings that the mesh knows', () => {
  const names = Object.keys(environment(stackServers()));
  expect(names).toEqual(['MESH_REDIS_URL', 'MESH_KAFKA_BROKERS', 'MESH_DGRAPH_URL']);
  expect(knownNames).toEqual(expect.arrayContaining(names));
});
