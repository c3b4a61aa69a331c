/** What kafkajs throws, in the words of the port. */
import { messageOf } from '../errors.ts';
import { unreachable } from '../unreachable.ts';
import { BusError, type BusErrorCode } from './bus.ts';

interface KafkaError {
  readonly type?: string;
  readonly retriable?: boolean;
}

const NO_TOPIC = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID']);
const LEADERLESS = new Set(['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE']);
const INVALID = new Set([
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_PARTITIONS',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_CONFIG',
  'INVALID_REQUEST',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
]);

/** @param what the operation, and on what: it begins the message. */
export function toBusError(error: unknown, what: string): BusError {
  if (error instanceof BusError) return error;
  const message = messageOf(error);
  const words = unreachable(message, 'MESH_KAFKA_BROKERS') ?? message;
  return new BusError(codeOf(error), `${what}: ${words}`, { cause: error });
}

/** The innermost error of kafkajs decides: the outer ones say only that retrying ended. */
function codeOf(error: unknown): BusErrorCode {
  const types = typesOf(error);
  if (types.some((type) => NO_TOPIC.has(type))) return 'NO_TOPIC';
  if (types.some((type) => INVALID.has(type))) return 'INVALID';
  return 'UNAVAILABLE';
}

/** A partition has no leader for a moment: it was just made, or its leader is changing. */
export function isLeaderless(error: unknown): boolean {
  return typesOf(error).some((type) => LEADERLESS.has(type));
}

/** Protocol error names along the chain of causes, and inside the aggregates of admin requests. */
function typesOf(error: unknown): string[] {
  const types: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { type } = at as KafkaError;
    if (type) types.push(type);
    if ('errors' in at && Array.isArray(at.errors)) types.push(...at.errors.flatMap(typesOf));
  }
  return types;
}
