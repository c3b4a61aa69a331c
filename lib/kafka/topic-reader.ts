/**
 * Reads one topic, all of its partitions. kafkajs reads through consumer groups only, so each connection of a reader
 * is a group of its own that commits nothing: the reader keeps its place, and Kafka forgets a group without members
 * and offsets. A group that was interrupted is not joined again: it would wait 30 s for the member it lost.
 */
import type { Consumer, EachBatchPayload, IHeaders, Kafka, KafkaMessage } from 'kafkajs';
import type { Clock } from '../clock.ts';
import { backoffMs, retry } from '../retry.ts';
import { BusError, type ReadOptions, type ReceivedRecord } from './bus.ts';
import { toBusError } from './errors.ts';

export interface TopicReaderOptions extends ReadOptions {
  readonly kafka: Kafka;
  readonly topic: string;
  /** Consumer groups of the reader begin with this. */
  readonly groupPrefix: string;
  readonly clock: Clock;
  /** Where each partition begins. */
  readonly offsets: ReadonlyMap<number, bigint>;
  /** Whether the topic is there; asked after an interruption. */
  readonly topicExists: () => Promise<boolean>;
  /** Told each time reading is interrupted; the reader goes on by itself. */
  readonly onInterruption: (error: BusError) => void;
}

/**
 * A fetch is answered at its first byte; this is only how often it is told that there is none, ms: at 20 an idle
 * reader cost 4 % of a core, and the broker as much. A stop waits for a fetch.
 */
const MAX_WAIT_MS = 200;
/**
 * Rest between fetches, ms. A fetch costs the reader and the broker 0.7 ms of processor whatever it brings: on a busy
 * topic, what comes meanwhile comes together.
 */
const REST_MS = 3;
const REDELIVERY_BACKOFF = { baseMs: 10, maxMs: 1000 };
const REOPEN_BACKOFF = { baseMs: 50, maxMs: 500 };
/** Tries of the first connection: a fresh broker answers "loading" for a moment. */
const FIRST_TRIES = 15;

/** Resolves when the reader has its partitions. */
export async function startTopicReader(options: TopicReaderOptions): Promise<AsyncDisposable> {
  const { clock } = options;
  const next = new Map(options.offsets);
  const stopping = new AbortController();
  const { signal } = stopping;
  const backoff = REOPEN_BACKOFF;
  const open = (): Promise<Consumer> => openConsumer(options, next, signal, reopen);

  const onFailure = (error: unknown, attempt: number): void => {
    if (attempt >= FIRST_TRIES) throw error;
  };
  let consumer = retry(open, { clock, signal, backoff, onFailure });

  const reopen = (error: BusError): void => {
    if (signal.aborted) return;
    const again = async (): Promise<Consumer> => {
      await endIfGone(options);
      return open();
    };
    options.onInterruption(error);
    const before = consumer;
    consumer = before
      .then((crashed) => crashed.disconnect())
      .then(() => retry(again, { clock, signal, backoff, onFailure: throwIfGone }));
    consumer.catch((failure: unknown) => {
      if (isGone(failure)) options.onCrash(failure);
    });
  };
  await consumer;
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopping.abort();
    await consumer.then((running) => running.disconnect()).catch(() => undefined);
  };
  return { [Symbol.asyncDispose]: () => (stopped ??= stop()) };
}

const isGone = (error: unknown): error is BusError =>
  error instanceof BusError && error.code === 'NO_TOPIC';

function throwIfGone(error: unknown): void {
  if (isGone(error)) throw error;
}

async function endIfGone({ topic, topicExists }: TopicReaderOptions): Promise<void> {
  if (!(await topicExists()))
    throw new BusError('NO_TOPIC', `topic ${topic} is not there any more`);
}

/** Resolves with a consumer that reads from `next` on. `onCrash` is called once, when it has stopped for good. */
async function openConsumer(
  options: TopicReaderOptions,
  next: Map<number, bigint>,
  signal: AbortSignal,
  onCrash: (error: BusError) => void,
): Promise<Consumer> {
  const { kafka, topic, groupPrefix, clock } = options;
  const consumer = kafka.consumer({
    groupId: `${groupPrefix}.${clock.uuid()}`,
    allowAutoTopicCreation: false,
    maxWaitTimeInMs: MAX_WAIT_MS,
    minBytes: 1,
    retry: { retries: 1, restartOnFailure: () => Promise.resolve(false) },
  });
  const joined = firstJoin(consumer, () => {
    for (const [partition, offset] of next) {
      consumer.seek({ topic, partition, offset: offset.toString() });
    }
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: next.size,
      eachBatch: (payload) => handOut(payload, next, options, signal),
    });
    await joined;
  } catch (error) {
    await consumer.disconnect();
    throw toBusError(error, `reading topic ${topic}`);
  }
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    onCrash(toBusError(payload.error, `reading topic ${topic}`));
  });
  return consumer;
}

/** At each join reading goes on where it was. */
function firstJoin(consumer: Consumer, onJoin: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    consumer.on(consumer.events.GROUP_JOIN, () => {
      onJoin();
      resolve();
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
  });
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
  await options.clock.sleep(REST_MS, signal).catch(() => undefined);
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
