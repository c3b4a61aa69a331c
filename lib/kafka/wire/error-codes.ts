/** Kafka's error codes that mean something to this client; https://kafka.apache.org/protocol#protocol_error_codes */
import { BusError } from '../bus.ts';
import { noTopic } from '../limits.ts';

export const ERROR = {
  NONE: 0,
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  TOPIC_ALREADY_EXISTS: 36,
} as const;

/** Trying again does not help. */
const INVALID: Readonly<Record<number, string>> = {
  2: 'CORRUPT_MESSAGE',
  10: 'MESSAGE_TOO_LARGE',
  17: 'INVALID_TOPIC_EXCEPTION',
  18: 'RECORD_LIST_TOO_LARGE',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  31: 'CLUSTER_AUTHORIZATION_FAILED',
  35: 'UNSUPPORTED_VERSION',
  37: 'INVALID_PARTITIONS',
  38: 'INVALID_REPLICATION_FACTOR',
  40: 'INVALID_CONFIG',
  42: 'INVALID_REQUEST',
  44: 'POLICY_VIOLATION',
  73: 'TOPIC_DELETION_DISABLED',
  87: 'INVALID_RECORD',
};

const UNAVAILABLE: Readonly<Record<number, string>> = {
  5: 'LEADER_NOT_AVAILABLE',
  6: 'NOT_LEADER_OR_FOLLOWER',
  7: 'REQUEST_TIMED_OUT',
  8: 'BROKER_NOT_AVAILABLE',
  19: 'NOT_ENOUGH_REPLICAS',
  20: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  41: 'NOT_CONTROLLER',
  56: 'KAFKA_STORAGE_ERROR',
};

/** @param subject names the topic in words, @param action what was tried: "writing to". */
export function errorOf(
  code: number,
  action: string,
  topic: string,
  detail?: string | null,
): BusError {
  if (code === ERROR.UNKNOWN_TOPIC_OR_PARTITION) return noTopic(topic);
  const invalid = INVALID[code];
  const name = invalid ?? UNAVAILABLE[code] ?? `error ${code}`;
  const words = `${action} topic ${topic}: Kafka says ${name}${detail ? `: ${detail}` : ''}`;
  return new BusError(invalid ? 'INVALID' : 'UNAVAILABLE', words);
}
