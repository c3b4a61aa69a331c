/**
 * Reads one topic, all of its partitions. kafkajs reads through consumer groups only, so each reader is a group of its
 * own that commits nothing: the reader keeps its place, and Kafka forgets a group without members and offsets.
 */
import type { Consumer, EachBatchPayload, IHeaders, Kafka, KafkaMessage } from 'kafkajs';
import type { Clock } from '../clock.ts';
import { backoffMs } from '../retry.ts';
import { BusError, type ReadOptions, type ReceivedRecord } from './bus.ts';
import { toBusError } from './errors.ts';

export interface TopicReaderOptions extends ReadOptions {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly groupId: string;
  readonly clock: Clock;
  /** Where each partition begins. */
  readonly offsets: ReadonlyMap<number, bigint>;
  /** Whether the topic is there; asked after a crash. */
  readonly topicExists: () => Promise<boolean>;
  /** Told each time reading is interrupted; the reader goes on by itself. */
  readonly onInterruption: (error: BusError) => void;
}

/** A fetch waits this long for a first byte, ms; a stop waits for a fetch. */
const MAX_WAIT_MS = 20;
const REDELIVERY_BACKOFF = { baseMs: 10, maxMs: 1000 };
const RETRY = { initialRetryTime: 50, maxRetryTime: 500, retries: 3 };

/** Resolves when the reader has its partitions. */
export async function startTopicReader(options: TopicReaderOptions): Promise<AsyncDisposable> {
  const { kafka, topic, groupId } = options;
  const next = new Map(options.offsets);
  const stopping = new AbortController();
  const consumer = kafka.consumer({
    groupId,
    allowAutoTopicCreation: false,
    maxWaitTimeInMs: MAX_WAIT_MS,
    minBytes: 1,
    retry: { ...RETRY, restartOnFailure: (error) => goOn(options, error) },
  });
  const seek = (): void => {
    for (const [partition, offset] of next) {
      consumer.seek({ topic, partition, offset: offset.toString() });
    }
  };
  const joined = firstJoin(consumer, seek);
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: next.size,
      eachBatch: (payload) => handOut(payload, next, options, stopping.signal),
    });
    await joined;
  } catch (error) {
    await consumer.disconnect();
    throw toBusError(error, `reading topic ${topic}`);
  }
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping.abort();
    return consumer.disconnect();
  };
  return { [Symbol.asyncDispose]: () => (stopped ??= stop()) };
}

/** At each join, the first and those after an interruption, reading goes on where it was. */
function firstJoin(consumer: Consumer, onJoin: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    consumer.on(consumer.events.GROUP_JOIN, () => {
      onJoin();
      resolve();
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(payload.error);
    });
  });
}

/** After a crash: again, unless the topic is gone. */
async function goOn(options: TopicReaderOptions, error: Error): Promise<boolean> {
  const { topic, topicExists, onInterruption, onCrash } = options;
  const isThere = await topicExists().catch(() => true);
  if (isThere) onInterruption(toBusError(error, `reading topic ${topic}`));
  else onCrash(new BusError('NO_TOPIC', `topic ${topic} is not there any more`));
  return isThere;
}

async function handOut(
  { batch, resolveOffset, heartbeat, isRunning, isStale }: EachBatchPayload,
  next: Map<number, bigint>,
  options: TopicReaderOptions,
  signal: AbortSignal,
): Promise<void> {
  const { partition } = batch;
  for (const message of batch.messages) {
    if (signal.aborted || !isRunning() || isStale()) return;
    if (BigInt(message.offset) < (next.get(partition) ?? 0n)) continue;
    if (!(await deliver(toReceived(message, partition), options, signal, heartbeat))) return;
    next.set(partition, BigInt(message.offset) + 1n);
    resolveOffset(message.offset);
  }
  await heartbeat();
}

/** Until the handler takes it; false when stopped before. */
async function deliver(
  record: ReceivedRecord,
  { onRecord, clock }: TopicReaderOptions,
  signal: AbortSignal,
  heartbeat: () => Promise<void>,
): Promise<boolean> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      const taken = onRecord(record);
      if (taken) await taken;
      return true;
    } catch {
      const delayMs = backoffMs(attempt, REDELIVERY_BACKOFF, clock.random());
      await clock.sleep(delayMs, signal).catch(() => undefined);
      await heartbeat();
    }
  }
  return false;
}

function toReceived(message: KafkaMessage, partition: number): ReceivedRecord {
  return {
    value: message.value ?? new Uint8Array(),
    ...(message.key ? { key: message.key.toString() } : {}),
    ...(message.headers ? { headers: toTexts(message.headers) } : {}),
    partition,
    offset: message.offset,
    timestampMs: Number(message.timestamp),
  };
}

function toTexts(headers: IHeaders): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) texts[name] = value?.toString() ?? '';
  return texts;
}
