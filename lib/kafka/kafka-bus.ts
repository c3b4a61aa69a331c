/** The bus on Kafka, through kafkajs. */
import { Kafka, logLevel, type Admin } from 'kafkajs';
import type { Clock } from '../clock.ts';
import { BusError, type MessageBus, type Reader, type ReadOptions, type TopicSpec } from './bus.ts';
import { isLeaderless, toBusError } from './errors.ts';
import { retry } from '../retry.ts';
import { mendTimers } from './kafkajs-timers.ts';
import { checkRecords, checkTopicName } from './limits.ts';
import { startOffsets, type Held } from './start-offsets.ts';
import { createProducers } from './producers.ts';
import { createTopicProducer } from './topic-producer.ts';
import { startTopicReader } from './topic-reader.ts';

export interface KafkaBusOptions {
  /** host:port of one or more brokers; the others are learned from them. */
  readonly brokers: readonly string[];
  /** Names this process in the brokers' logs and quotas. */
  readonly clientId: string;
  readonly clock: Clock;
  /** Longest wait for an answer, ms. Default 2,000. */
  readonly requestTimeoutMs?: number;
  /** A connection for writing to a topic is closed once nothing was written for this long, ms. Default 5 minutes. */
  readonly idleProducerMs?: number;
  /** Told each time reading a topic is interrupted; the reader goes on by itself. Default: nobody. */
  readonly onInterruption?: (topic: string, error: BusError) => void;
}

/** Few and quick: whoever calls knows better whether to go on. */
const RETRY = { initialRetryTime: 50, maxRetryTime: 200, retries: 2 };

/** Shorter than brokers themselves suffer: 10 minutes by default. To open one again takes some milliseconds. */
const IDLE_PRODUCER_MS = 300_000;

const CREATION_BACKOFF = { baseMs: 50, maxMs: 400 };
const CREATION_TRIES = 10;

/** Connects at the first call, and anew whenever a connection was lost. */
export function createKafkaBus(options: KafkaBusOptions): MessageBus {
  const { clock, clientId, onInterruption } = options;
  mendTimers();
  const kafka = new Kafka({
    brokers: [...options.brokers],
    clientId,
    connectionTimeout: options.requestTimeoutMs ?? 2000,
    requestTimeout: options.requestTimeoutMs ?? 2000,
    retry: RETRY,
    logLevel: logLevel.NOTHING,
  });
  const address = options.brokers.join(', ');
  const admin = createAdmin(kafka, address);
  const producers = createProducers({
    clock,
    create: (topic) => createTopicProducer(kafka, topic),
    idleMs: options.idleProducerMs ?? IDLE_PRODUCER_MS,
  });
  const readers = new Set<AsyncDisposable>();

  const listTopics = async (prefix: string): Promise<readonly string[]> => {
    const topics = await admin('listing topics', (client) => client.listTopics());
    return topics.filter((topic) => topic.startsWith(prefix));
  };
  const heldBy = (topic: string): Promise<Held[]> =>
    retry(() => askHeld(kafka, address, topic), {
      ...{ clock, backoff: CREATION_BACKOFF, onFailure: unlessLeaderless },
    });
  const read = async (topic: string, readOptions: ReadOptions): Promise<Reader> => {
    const start = startOffsets(topic, await heldBy(topic), readOptions.from);
    const reader = await startTopicReader({
      ...readOptions,
      kafka,
      topic,
      clock,
      groupPrefix: clientId,
      offsets: start,
      topicExists: async () => (await listTopics(topic)).includes(topic),
      onInterruption: (error) => onInterruption?.(topic, error),
    });
    readers.add(reader);
    const stop = async (): Promise<void> => {
      readers.delete(reader);
      await reader[Symbol.asyncDispose]();
    };
    return { start, [Symbol.asyncDispose]: stop };
  };

  return {
    ping: async () => {
      await admin('asking the brokers', (client) => client.describeCluster());
    },
    ensureTopic: async (topic, spec) => {
      checkTopicName(topic);
      const create = (): Promise<void> =>
        admin(`creating topic ${topic}`, (client) => createTopic(client, topic, spec));
      await retry(create, { clock, backoff: CREATION_BACKOFF, onFailure: unlessNotYetThere });
    },
    listTopics,
    deleteTopics: async (topics) => {
      for (const topic of topics) {
        await deleteTopic(admin, topic);
        await producers.forget(topic);
      }
    },
    send: async (topic, records) => {
      checkTopicName(topic);
      checkRecords(topic, records);
      if (records.length > 0) await producers.send(topic, records);
    },
    read: async (topic, readOptions) => {
      checkTopicName(topic);
      return read(topic, readOptions);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...readers].map((reader) => reader[Symbol.asyncDispose]()));
      await producers[Symbol.asyncDispose]();
      await admin.close();
    },
  };
}

/** A broker may create a topic and for a moment not know it. */
function unlessNotYetThere(error: unknown, attempt: number): void {
  const isNotYetThere = error instanceof BusError && error.code === 'NO_TOPIC';
  if (!isNotYetThere || attempt >= CREATION_TRIES) throw error;
}

/** Nor are its partitions led at once. */
function unlessLeaderless(error: unknown, attempt: number): void {
  if (!isLeaderless(error) || attempt >= CREATION_TRIES) throw error;
}

interface AdminCalls extends AsyncClosable {
  <T>(what: string, call: (client: Admin) => Promise<T>): Promise<T>;
}

interface AsyncClosable {
  close(): Promise<void>;
}

/**
 * Administrative calls over one connection, made at the first one. None that names a topic to the client itself:
 * kafkajs keeps such topics, looks them up before each later call, and so fails all of them when one was deleted.
 */
function createAdmin(kafka: Kafka, address: string): AdminCalls {
  const admin = kafka.admin();
  let connecting: Promise<void> | undefined;
  const calls = async <T>(what: string, call: (client: Admin) => Promise<T>): Promise<T> => {
    try {
      await (connecting ??= admin.connect());
      return await call(admin);
    } catch (error) {
      const failure = toBusError(error, `Kafka at ${address}, ${what}`);
      if (failure.code === 'UNAVAILABLE') connecting = undefined;
      throw failure;
    }
  };
  return Object.assign(calls, { close: () => admin.disconnect() });
}

/** What each partition holds, by a client of its own: see createAdmin. */
async function askHeld(kafka: Kafka, address: string, topic: string): Promise<Held[]> {
  const admin = createAdmin(kafka, address);
  try {
    const held = await admin(`finding the offsets of topic ${topic}`, (client) =>
      client.fetchTopicOffsets(topic),
    );
    return held.map(toHeld);
  } finally {
    await admin.close();
  }
}

async function createTopic(admin: Admin, topic: string, spec: TopicSpec): Promise<void> {
  const configEntries = [
    { name: 'retention.ms', value: String(spec.retentionMs) },
    { name: 'segment.ms', value: String(spec.segmentMs) },
  ];
  const { partitions: numPartitions, replication: replicationFactor } = spec;
  await admin.createTopics({
    topics: [{ topic, numPartitions, replicationFactor, configEntries }],
    waitForLeaders: true,
  });
}

async function deleteTopic(admin: AdminCalls, topic: string): Promise<void> {
  try {
    await admin(`deleting topic ${topic}`, (client) => client.deleteTopics({ topics: [topic] }));
  } catch (error) {
    if (!(error instanceof BusError && error.code === 'NO_TOPIC')) throw error;
  }
}

function toHeld({ partition, low, high }: { partition: number; low: string; high: string }): Held {
  return { partition, low: BigInt(low), high: BigInt(high) };
}
