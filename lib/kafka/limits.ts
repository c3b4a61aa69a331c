/** What Kafka refuses, refused in the same words by both adapters. */
import { BusError, type BusRecord } from './bus.ts';

/** Kafka's default limit for a batch is 1,048,588 bytes, which has to hold its header, keys and headers as well. */
const MAX_RECORD_BYTES = 1_000_000;

export function checkTopicName(topic: string): void {
  if (/^(?!\.{1,2}$)[\w.-]{1,249}$/.test(topic)) return;
  throw new BusError(
    'INVALID',
    `topic ${JSON.stringify(topic.slice(0, 300))}: a name has 1 to 249 of A-Z a-z 0-9 . _ -`,
  );
}

export function checkRecords(topic: string, records: readonly BusRecord[]): void {
  const tooLong = records.find((record) => record.value.length > MAX_RECORD_BYTES);
  if (!tooLong) return;
  throw new BusError(
    'INVALID',
    `record of ${tooLong.value.length} bytes for topic ${topic}: at most ${MAX_RECORD_BYTES}`,
  );
}

export function noTopic(topic: string): BusError {
  return new BusError('NO_TOPIC', `topic ${topic} is not there`);
}
