import { afterEach, expect, test } from '@jest/globals';
import { serversNamed, stackServers, tracesServer } from '../../../cli/stack/servers.ts';
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
  const ports = [...stackServers(), tracesServer()].flatMap(({ spec }) => spec.ports);
  expect(new Set([...ports, 8080, 8081, 50051, 50052]).size).toBe(ports.length + 4);
});

test('the environment has only settings that the mesh knows', () => {
  const names = Object.keys(environment(stackServers()));
  expect(names).toEqual(['MESH_REDIS_URL', 'MESH_KAFKA_BROKERS', 'MESH_DGRAPH_URL']);
  expect(knownNames).toEqual(expect.arrayContaining(names));
});

test('traces are shown only where that is asked for, by OTEL_* alone', () => {
  expect(serversNamed([])).toHaveLength(3);
  const names = Object.keys(environment(serversNamed(['traces'])));
  expect(names).toContain('OTEL_TRACES_EXPORTER');
  expect(names.filter((name) => !name.startsWith('OTEL_'))).toEqual([]);
  expect(() => serversNamed(['kafka', 'zipkin'])).toThrow(
    '"zipkin" is no server of the stack; there are redis, kafka, dgraph, traces',
  );
});
