/**
 * Writes to one topic. A producer of its own for each topic: kafkajs keeps every topic a producer ever wrote to among
 * those whose metadata it refreshes, so that one deleted topic fails the sends to all others.
 */
import { Partitioners, type Kafka, type Message, type Producer } from 'kafkajs';
import type { BusRecord } from './bus.ts';
import { toBusError } from './errors.ts';

export interface TopicProducer extends AsyncDisposable {
  send(records: readonly BusRecord[]): Promise<void>;
}

interface Waiting {
  readonly records: readonly BusRecord[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A request carries what gathered while the one before it was under way, up to this many bytes. */
const MAX_REQUEST_BYTES = 900_000;
const ALL_IN_SYNC_REPLICAS = -1;

export function createTopicProducer(kafka: Kafka, topic: string): TopicProducer {
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
  });
  const connected = connectOnce(producer);
  let queue: Waiting[] = [];
  let sending: Promise<void> | undefined;

  // One request at a time keeps the order; the others gather meanwhile, which is what makes a busy topic cheap.
  const drain = async (): Promise<void> => {
    await Promise.resolve();
    while (queue.length > 0) {
      const batch = queue.splice(0, fitting(queue));
      try {
        await connected();
        const messages = batch.flatMap(({ records }) => records.map(toMessage));
        await producer.send({ topic, messages, acks: ALL_IN_SYNC_REPLICAS });
        for (const { resolve } of batch) resolve();
      } catch (error) {
        const failure = toBusError(error, `writing to topic ${topic}`);
        for (const { reject } of batch) reject(failure);
      }
    }
    sending = undefined;
  };
  return {
    send: (records) =>
      new Promise((resolve, reject) => {
        queue.push({ records, resolve, reject });
        sending ??= drain();
      }),
    [Symbol.asyncDispose]: async () => {
      await sending;
      queue = [];
      await producer.disconnect();
    },
  };
}

/** Connects at the first call; a failed try is made again at the next one. */
function connectOnce(producer: Producer): () => Promise<void> {
  let connecting: Promise<void> | undefined;
  return () =>
    (connecting ??= producer.connect().catch((error: unknown) => {
      connecting = undefined;
      throw error;
    }));
}

function fitting(queue: readonly Waiting[]): number {
  let bytes = 0;
  const end = queue.findIndex(({ records }) => {
    for (const { value } of records) bytes += value.length;
    return bytes > MAX_REQUEST_BYTES;
  });
  return end === -1 ? queue.length : Math.max(1, end);
}

function toMessage({ key, value, headers }: BusRecord): Message {
  return {
    value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    ...(key === undefined ? {} : { key }),
    ...(headers === undefined ? {} : { headers: { ...headers } }),
  };
}
