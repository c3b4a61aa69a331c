/** Settings of fanout as a process of its own. */
import { LOOPBACK } from '../lib/addresses.ts';
import {
  ConfigError,
  hostPorts,
  listenAddress,
  port,
  readSettings,
  type Environment,
} from '../lib/config.ts';
import { kafkaSettings, kafkaTopicSettings } from '../lib/kafka/config.ts';
import { vapidSettings } from '../lib/web-push/vapid.ts';
import { storeSettings } from '../store/config.ts';

export const fanoutSettings = {
  ...storeSettings,
  ...kafkaSettings,
  ...kafkaTopicSettings,
  ...vapidSettings,
  MESH_GRAPH_ADDRS: hostPorts('127.0.0.1:50052').describe(
    'graph processes, host:port, separated by commas',
  ),
  MESH_HTTP_HOST: listenAddress().default(LOOPBACK).describe("address to serve fanout's health on"),
  MESH_HTTP_PORT: port(8081).describe("HTTP port of fanout's health; 0 means any free one"),
};

export type FanoutSettings = ReturnType<typeof readFanoutSettings>;

/** @throws ConfigError */
export function readFanoutSettings(env: Environment, known: readonly string[]) {
  const settings = readSettings(fanoutSettings, env, known);
  const {
    MESH_REDIS_URL: redisUrls,
    MESH_KAFKA_BROKERS: brokers,
    MESH_GRAPH_ADDRS: graphAddresses,
  } = settings;
  if (redisUrls && brokers && graphAddresses) {
    return { ...settings, redisUrls, brokers, graphAddresses };
  }
  throw new ConfigError(
    Object.entries(required)
      .filter(([name]) => !settings[name as keyof typeof required])
      .map(([name, why]) => `${name}: not set. ${why}`),
  );
}

const required = {
  MESH_REDIS_URL: 'Fanout reads transitions from Redis; set it, as in redis://127.0.0.1:6379.',
  MESH_KAFKA_BROKERS: 'Fanout tells gateways through Kafka; set it, as in 127.0.0.1:9092.',
  MESH_GRAPH_ADDRS: 'Fanout asks graph who is told; set it, as in 127.0.0.1:50052.',
};
