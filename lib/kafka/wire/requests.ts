/**
 * The requests this client makes, each in the last version before Kafka's compact encoding: brokers from 2.4 to 4.x
 * understand them all. https://kafka.apache.org/protocol
 */
import type { BusRecord } from '../bus.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';
import { writeBatch } from './record-batch.ts';

export interface RequestType<Request, Response> {
  readonly name: string;
  readonly apiKey: number;
  readonly version: number;
  readonly write: (writer: ByteWriter, request: Request) => void;
  readonly read: (reader: ByteReader) => Response;
}

/** A topic and something for each of its partitions. */
export interface ByTopic<T> {
  readonly topic: string;
  readonly partitions: readonly T[];
}

export interface MetadataResponse {
  readonly brokers: readonly { nodeId: number; host: string; port: number }[];
  readonly controllerId: number;
  readonly topics: readonly (ByTopic<{ partition: number; leader: number; error: number }> & {
    readonly error: number;
  })[];
}

/** `null` asks for all topics. */
export const METADATA: RequestType<readonly string[] | null, MetadataResponse> = {
  name: 'Metadata',
  apiKey: 3,
  version: 8,
  write: (writer, topics) => {
    if (topics) writer.array(topics, (topic) => writer.string(topic));
    else writer.int32(-1);
    // Neither create topics nor tell what we may do.
    writer.boolean(false).boolean(false).boolean(false);
  },
  read: (reader) => {
    reader.int32();
    const brokers = reader.array(() => {
      const broker = { nodeId: reader.int32(), host: reader.string(), port: reader.int32() };
      reader.nullableString();
      return broker;
    });
    reader.nullableString();
    return { brokers, controllerId: reader.int32(), topics: reader.array(() => readTopic(reader)) };
  },
};

function readTopic(reader: ByteReader): MetadataResponse['topics'][number] {
  const error = reader.int16();
  const topic = reader.string();
  reader.boolean();
  const partitions = reader.array(() => {
    const partition = { error: reader.int16(), partition: reader.int32(), leader: reader.int32() };
    reader.int32();
    // Replicas: all, in sync, offline.
    for (let list = 0; list < 3; list++) reader.array(() => reader.int32());
    return partition;
  });
  reader.int32();
  return { error, topic, partitions };
}

export interface ProduceRequest {
  readonly timeoutMs: number;
  readonly timestampMs: number;
  readonly topics: readonly ByTopic<{
    readonly partition: number;
    readonly records: readonly BusRecord[];
  }>[];
}

export type ProduceResponse = readonly ByTopic<{
  readonly partition: number;
  readonly error: number;
}>[];

export const PRODUCE: RequestType<ProduceRequest, ProduceResponse> = {
  name: 'Produce',
  apiKey: 0,
  version: 8,
  write: (writer, { timeoutMs, timestampMs, topics }) => {
    const allInSync = -1;
    writer.string(null).int16(allInSync).int32(timeoutMs);
    writeByTopic(writer, topics, ({ partition, records }) => {
      writer.int32(partition);
      const size = writer.reserveInt32();
      writeBatch(writer, records, timestampMs);
      writer.patchInt32(size, writer.length - size - 4);
    });
  },
  read: (reader) =>
    readByTopic(reader, () => {
      const result = { partition: reader.int32(), error: reader.int16() };
      // Base offset, append time, start offset.
      reader.bytes(24);
      reader.array(() => [reader.int32(), reader.nullableString()]);
      reader.nullableString();
      return result;
    }),
};

export interface FetchRequest {
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  readonly maxPartitionBytes: number;
  readonly topic: string;
  readonly partitions: readonly { partition: number; offset: number }[];
}

export interface FetchResponse {
  readonly error: number;
  readonly topics: readonly ByTopic<{
    readonly partition: number;
    readonly error: number;
    /** Record batches; a view. */
    readonly data: Buffer;
  }>[];
}

export const FETCH: RequestType<FetchRequest, FetchResponse> = {
  name: 'Fetch',
  apiKey: 1,
  version: 11,
  write: (writer, { maxWaitMs, maxBytes, maxPartitionBytes, topic, partitions }) => {
    const [noReplica, minBytes, readUncommitted, noSession] = [-1, 1, 0, -1];
    writer.int32(noReplica).int32(maxWaitMs).int32(minBytes).int32(maxBytes).int8(readUncommitted);
    writer.int32(0).int32(noSession);
    writeByTopic(writer, [{ topic, partitions }], ({ partition, offset }) => {
      writer.int32(partition).int32(-1).int64(offset).int64(-1).int32(maxPartitionBytes);
    });
    writer.array([], () => undefined).string('');
  },
  read: (reader) => {
    reader.int32();
    const error = reader.int16();
    reader.int32();
    const topics = readByTopic(reader, () => {
      const result = { partition: reader.int32(), error: reader.int16() };
      // High watermark, last stable offset, start offset.
      reader.bytes(24);
      reader.array(() => reader.bytes(16));
      reader.int32();
      return { ...result, data: reader.bytes(Math.max(reader.int32(), 0)) };
    });
    return { error, topics };
  },
};

/** As `ListOffsets` knows them. */
export const EARLIEST = -2;
export const LATEST = -1;

export interface ListOffsetsRequest {
  readonly topic: string;
  readonly partitions: readonly number[];
  readonly at: typeof EARLIEST | typeof LATEST;
}

export type ListOffsetsResponse = readonly ByTopic<{
  readonly partition: number;
  readonly error: number;
  readonly offset: number;
}>[];

export const LIST_OFFSETS: RequestType<ListOffsetsRequest, ListOffsetsResponse> = {
  name: 'ListOffsets',
  apiKey: 2,
  version: 5,
  write: (writer, { topic, partitions, at }) => {
    writer.int32(-1).int8(0);
    writeByTopic(writer, [{ topic, partitions }], (partition) =>
      writer.int32(partition).int32(-1).int64(at),
    );
  },
  read: (reader) => {
    reader.int32();
    return readByTopic(reader, () => {
      const result = { partition: reader.int32(), error: reader.int16() };
      reader.int64();
      const offset = reader.int64();
      reader.int32();
      return { ...result, offset };
    });
  },
};

export interface CreateTopicRequest {
  readonly topic: string;
  readonly partitions: number;
  readonly replication: number;
  readonly config: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export interface TopicResult {
  readonly topic: string;
  readonly error: number;
  readonly message: string | null;
}

export const CREATE_TOPIC: RequestType<CreateTopicRequest, readonly TopicResult[]> = {
  name: 'CreateTopics',
  apiKey: 19,
  version: 4,
  write: (writer, { topic, partitions, replication, config, timeoutMs }) => {
    writer.int32(1).string(topic).int32(partitions).int16(replication).int32(0);
    writer.array(Object.entries(config), ([name, value]) => writer.string(name).string(value));
    writer.int32(timeoutMs).boolean(false);
  },
  read: (reader) => {
    reader.int32();
    return reader.array(() => ({
      topic: reader.string(),
      error: reader.int16(),
      message: reader.nullableString(),
    }));
  },
};

export const DELETE_TOPICS: RequestType<
  { readonly topics: readonly string[]; readonly timeoutMs: number },
  readonly TopicResult[]
> = {
  name: 'DeleteTopics',
  apiKey: 20,
  version: 3,
  write: (writer, { topics, timeoutMs }) => {
    writer.array(topics, (topic) => writer.string(topic)).int32(timeoutMs);
  },
  read: (reader) => {
    reader.int32();
    return reader.array(() => ({ topic: reader.string(), error: reader.int16(), message: null }));
  },
};

function writeByTopic<T>(
  writer: ByteWriter,
  topics: readonly ByTopic<T>[],
  write: (partition: T) => void,
): void {
  writer.array(topics, ({ topic, partitions }) => writer.string(topic).array(partitions, write));
}

function readByTopic<T>(reader: ByteReader, read: () => T): ByTopic<T>[] {
  return reader.array(() => ({ topic: reader.string(), partitions: reader.array(read) }));
}
