import { expect, test } from '@jest/globals';
import { fanoutSettings, readFanoutSettings } from '../../fanout/config.ts';
import { ConfigError } from '../../lib/config.ts';

const KNOWN = Object.keys(fanoutSettings);
const GIVEN = {
  MESH_REDIS_URL: 'redis://127.0.0.1:6379',
  MESH_KAFKA_BROKERS: '127.0.0.1:9092',
  MESH_GRAPH_ADDRS: '127.0.0.1:50052,127.0.0.1:50062',
};

test('what is not set has its default', () => {
  expect(readFanoutSettings(GIVEN, KNOWN)).toMatchObject({
    redisUrls: ['redis://127.0.0.1:6379'],
    graphAddresses: ['127.0.0.1:50052', '127.0.0.1:50062'],
    MESH_HTTP_PORT: 8081,
    MESH_KAFKA_PARTITIONS: 8,
    MESH_KAFKA_REPLICATION: 1,
  });
});

test('everything that is missing is named at once', () => {
  try {
    readFanoutSettings({}, KNOWN);
    throw new Error('was not refused');
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const { problems } = error as ConfigError;
    expect(problems.map((problem) => problem.split(':')[0])).toEqual(Object.keys(GIVEN));
  }
});
