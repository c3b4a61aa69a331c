import { hostPorts, wholeNumber } from '../config.ts';

/** Settings of whatever uses Kafka. */
export const kafkaSettings = {
  MESH_KAFKA_BROKERS: hostPorts('127.0.0.1:9092').describe(
    'Kafka brokers, host:port, several separated by commas',
  ),
};

/** Settings of whatever creates topics that others read. */
export const kafkaTopicSettings = {
  MESH_KAFKA_PARTITIONS: wholeNumber(8, 1, 10_000).describe('partitions of presence-transitions'),
  MESH_KAFKA_REPLICATION: wholeNumber(1, 1, 100).describe('replicas of presence-transitions'),
};
