/**
 * Reads every partition of a topic by long polls, on a connection of its own to each broker that leads one. It outlives
 * brokers: whatever fails, it asks anew who leads and goes on where it was.
 */
import type { Clock } from '../../clock.ts';
import { backoffMs } from '../../retry.ts';
import { BusError, type ReadOptions, type ReceivedRecord } from '../bus.ts';
import type { Cluster } from './cluster.ts';
import type { Connection } from './connection.ts';
import { ERROR, errorOf } from './error-codes.ts';
import { readBatches, type ReadBatches } from './record-batch.ts';
import { EARLIEST, FETCH, LATEST, LIST_OFFSETS, type FetchResponse } from './requests.ts';

export interface TopicReaderOptions extends ReadOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly topic: string;
  readonly requestTimeoutMs: number;
  /** Told once each time reading is interrupted, with the reason. */
  readonly onInterruption: (error: BusError) => void;
}

/** The broker answers at the first record; this is only how often it says that there is none. */
const MAX_WAIT_MS = 1_000;
const MAX_BYTES = 8_388_608;
const MAX_PARTITION_BYTES = 1_048_576;
const REDELIVERY_DELAY_MS = 50;
const BACKOFF = { baseMs: 50, maxMs: 1_000 };
/** A topic that is not there for so long is gone, not just on its way to a new leader. */
const GONE_AFTER_MS = 1_500;

/** `offsets[partition]` is the next one to read. */
type Offsets = number[];

export async function startTopicReader(options: TopicReaderOptions): Promise<AsyncDisposable> {
  const offsets = await startOffsets(options);
  const stopped = new AbortController();
  const reading = readOn(options, offsets, stopped.signal);
  return {
    [Symbol.asyncDispose]: async () => {
      stopped.abort(new BusError('UNAVAILABLE', `the reader of ${options.topic} was stopped`));
      await reading;
    },
  };
}

async function startOffsets(options: TopicReaderOptions): Promise<Offsets> {
  const { leaders } = await options.cluster.layout(options.topic);
  const at = options.from === 'earliest' ? EARLIEST : LATEST;
  const offsets: Offsets = [];
  for (const [nodeId, partitions] of partitionsByLeader(leaders)) {
    await listOffsets(options, options.cluster.node(nodeId), partitions, at, offsets);
  }
  return offsets;
}

async function listOffsets(
  { topic, requestTimeoutMs: timeoutMs }: TopicReaderOptions,
  connection: Connection,
  partitions: readonly number[],
  at: typeof EARLIEST | typeof LATEST,
  into: Offsets,
): Promise<void> {
  const response = await connection.request(LIST_OFFSETS, { topic, partitions, at }, { timeoutMs });
  for (const { partition, error, offset } of response.flatMap((found) => found.partitions)) {
    if (error !== ERROR.NONE) throw errorOf(error, 'reading', topic);
    into[partition] = offset;
  }
}

/** Never rejects: ends when stopped, or with onCrash when the topic is gone. */
async function readOn(
  options: TopicReaderOptions,
  offsets: Offsets,
  stopped: AbortSignal,
): Promise<void> {
  const { clock } = options;
  const failures: { count: number; missingSince?: number } = { count: 0 };
  const onProgress = (): void => {
    failures.count = 0;
    delete failures.missingSince;
  };
  for (;;) {
    const error = await readUntilFailure(options, offsets, stopped, onProgress);
    if (stopped.aborted) return;
    if (failures.count === 0) options.onInterruption(error);
    if (error.code === 'NO_TOPIC') {
      failures.missingSince ??= clock.monotonic();
      if (clock.monotonic() - failures.missingSince >= GONE_AFTER_MS) {
        options.onCrash(error);
        return;
      }
    }
    options.cluster.forget(options.topic);
    const delayMs = backoffMs(failures.count++, BACKOFF, clock.random());
    await clock.sleep(delayMs, stopped).catch(() => undefined);
  }
}

/** Polls all leaders until one fails, and resolves with why. */
async function readUntilFailure(
  options: TopicReaderOptions,
  offsets: Offsets,
  stopped: AbortSignal,
  onProgress: () => void,
): Promise<BusError> {
  const failed = new AbortController();
  const ends = AbortSignal.any([stopped, failed.signal]);
  try {
    const { leaders } = await options.cluster.layout(options.topic);
    const polls = [...partitionsByLeader(leaders)].map(([nodeId, partitions]) =>
      poll(options, nodeId, partitions, offsets, ends, onProgress).catch((error: unknown) => {
        failed.abort(error);
      }),
    );
    await Promise.all(polls);
    throw failed.signal.reason;
  } catch (error) {
    if (error instanceof BusError) return error;
    return new BusError('UNAVAILABLE', error instanceof Error ? error.message : String(error));
  }
}

/** Polls one leader until `ends` or a failure. */
async function poll(
  options: TopicReaderOptions,
  nodeId: number,
  partitions: readonly number[],
  offsets: Offsets,
  ends: AbortSignal,
  onProgress: () => void,
): Promise<void> {
  const connection = options.cluster.dedicated(nodeId);
  const close = (): void => connection.close();
  ends.addEventListener('abort', close, { once: true });
  try {
    while (!ends.aborted) {
      const response = await fetch(options, connection, partitions, offsets);
      onProgress();
      await handOut(options, connection, response, offsets, ends);
    }
  } finally {
    ends.removeEventListener('abort', close);
    close();
  }
}

function fetch(
  { topic, requestTimeoutMs }: TopicReaderOptions,
  connection: Connection,
  partitions: readonly number[],
  offsets: Offsets,
): Promise<FetchResponse> {
  const request = {
    topic,
    maxWaitMs: MAX_WAIT_MS,
    maxBytes: MAX_BYTES,
    maxPartitionBytes: MAX_PARTITION_BYTES,
    partitions: partitions.map((partition) => ({ partition, offset: offsets[partition] ?? 0 })),
  };
  return connection.request(FETCH, request, { timeoutMs: MAX_WAIT_MS + requestTimeoutMs });
}

async function handOut(
  options: TopicReaderOptions,
  connection: Connection,
  response: FetchResponse,
  offsets: Offsets,
  ends: AbortSignal,
): Promise<void> {
  const { topic } = options;
  if (response.error !== ERROR.NONE) throw errorOf(response.error, 'reading', topic);
  const handings: Promise<void>[] = [];
  for (const { partition, error, data } of response.topics.flatMap((found) => found.partitions)) {
    if (error === ERROR.OFFSET_OUT_OF_RANGE) {
      // Retention was faster than we, or the topic is a new one of the same name.
      await listOffsets(options, connection, [partition], EARLIEST, offsets);
    } else if (error !== ERROR.NONE) {
      throw errorOf(error, 'reading', topic);
    } else if (data.length > 0) {
      const batches = readBatches(data, partition, offsets[partition] ?? 0);
      handings.push(handOutInOrder(options, partition, batches, offsets, ends));
    }
  }
  await Promise.all(handings);
}

async function handOutInOrder(
  { onRecord, clock }: TopicReaderOptions,
  partition: number,
  { records, nextOffset }: ReadBatches,
  offsets: Offsets,
  ends: AbortSignal,
): Promise<void> {
  for (const record of records) {
    while (!(await isHandled(record, onRecord))) {
      await clock.sleep(REDELIVERY_DELAY_MS, ends).catch(() => undefined);
      if (ends.aborted) return;
    }
    offsets[record.partition] = Number(record.offset) + 1;
    if (ends.aborted) return;
  }
  offsets[partition] = nextOffset;
}

async function isHandled(
  record: ReceivedRecord,
  onRecord: ReadOptions['onRecord'],
): Promise<boolean> {
  try {
    await onRecord(record);
    return true;
  } catch {
    return false;
  }
}

function partitionsByLeader(leaders: readonly number[]): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  leaders.forEach((leader, partition) => {
    const group = groups.get(leader);
    if (group) group.push(partition);
    else groups.set(leader, [partition]);
  });
  return groups;
}
