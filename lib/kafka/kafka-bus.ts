/**
 * The bus on Kafka, brokers 2.4 to 4.x, by a client of our own for the seven requests it needs (docs/decisions): what
 * costs here is one small record at a time, at once, and general clients are made for many.
 */
import type { Clock } from '../clock.ts';
import type { BusError, MessageBus } from './bus.ts';
import { checkRecords, checkTopicName } from './limits.ts';
import { createAdmin } from './wire/admin.ts';
import { createCluster } from './wire/cluster.ts';
import { createProducer } from './wire/producer.ts';
import { startTopicReader } from './wire/topic-reader.ts';

export interface KafkaBusOptions {
  /** host:port of one or more brokers; the others are learned from them. */
  readonly brokers: readonly string[];
  /** Names this process in the brokers' logs and quotas. */
  readonly clientId: string;
  readonly clock: Clock;
  /** Longest wait for an answer, ms; also bounds `send`. Default 2,000. */
  readonly requestTimeoutMs?: number;
  /** Told once each time reading a topic is interrupted; the reader goes on by itself. Default: nobody. */
  readonly onInterruption?: (topic: string, error: BusError) => void;
}

/** Connects at the first call, and anew whenever a connection was lost. */
export function createKafkaBus(options: KafkaBusOptions): MessageBus {
  const { clock, requestTimeoutMs = 2_000, onInterruption } = options;
  const cluster = createCluster({ ...options, requestTimeoutMs });
  const admin = createAdmin({ cluster, clock, requestTimeoutMs });
  const producer = createProducer({ cluster, clock, requestTimeoutMs });
  const readers = new Set<AsyncDisposable>();

  return {
    ping: async () => {
      await cluster.metadata([]);
    },
    ensureTopic: async (topic, spec) => {
      checkTopicName(topic);
      await admin.ensureTopic(topic, spec);
    },
    listTopics: (prefix) => admin.listTopics(prefix),
    deleteTopics: (topics) => admin.deleteTopics(topics),
    send: async (topic, records) => {
      checkTopicName(topic);
      checkRecords(topic, records);
      await producer.send(topic, records);
    },
    read: async (topic, readOptions) => {
      checkTopicName(topic);
      const reader = await startTopicReader({
        ...readOptions,
        cluster,
        clock,
        topic,
        requestTimeoutMs,
        onInterruption: (error) => onInterruption?.(topic, error),
      });
      readers.add(reader);
      return {
        [Symbol.asyncDispose]: async () => {
          readers.delete(reader);
          await reader[Symbol.asyncDispose]();
        },
      };
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...readers].map((reader) => reader[Symbol.asyncDispose]()));
      cluster.close();
    },
  };
}
