/** The bus inside one process, for the embedded default and tests: it lives and dies with the process. */
import { createAbortController } from '../abort.ts';
import type { Clock } from '../clock.ts';
import { BusError, type MessageBus, type Reader, type ReadOptions } from './bus.ts';
import { checkRecords, checkTopicName, noTopic } from './limits.ts';
import { createMemoryLog, type MemoryLog } from './memory-log.ts';
import { byPartition } from './partitions.ts';
import { startOffsets } from './start-offsets.ts';

export interface MemoryBusOptions {
  readonly clock: Clock;
  /**
   * What a partition holds at most, bytes, about; the oldest go first, whatever the topic's retention. Default 4 MiB:
   * 8,000 transitions.
   */
  readonly maxPartitionBytes?: number;
}

const MAX_PARTITION_BYTES = 4 * 1024 * 1024;
const REDELIVERY_DELAY_MS = 50;

interface Topic {
  readonly logs: readonly MemoryLog[];
  /** Aborted when the topic is deleted. */
  readonly gone: AbortController;
  /** Where the next records without a key go. */
  turn: number;
}

export function createMemoryBus({
  clock,
  maxPartitionBytes: maxBytes = MAX_PARTITION_BYTES,
}: MemoryBusOptions): MessageBus {
  const topics = new Map<string, Topic>();
  const closed = createAbortController();

  const find = (name: string): Topic => {
    checkTopicName(name);
    if (closed.signal.aborted) throw new BusError('UNAVAILABLE', 'the bus is closed');
    const topic = topics.get(name);
    if (!topic) throw noTopic(name);
    return topic;
  };
  const remove = (name: string): void => {
    topics.get(name)?.gone.abort();
    topics.delete(name);
  };

  return {
    ping: () => Promise.resolve(),
    ensureTopic: (name, { partitions, retentionMs }) =>
      attempt(() => {
        checkTopicName(name);
        if (topics.has(name)) return;
        const logs = Array.from({ length: partitions }, (_, partition) =>
          createMemoryLog({ partition, retentionMs, maxBytes, now: clock.now }),
        );
        topics.set(name, { logs, gone: createAbortController(), turn: 0 });
      }),
    listTopics: (prefix) =>
      attempt(() => [...topics.keys()].filter((name) => name.startsWith(prefix))),
    deleteTopics: (names) => attempt(() => names.forEach(remove)),
    send: (name, records) =>
      attempt(() => {
        const topic = find(name);
        checkRecords(name, records);
        for (const [partition, group] of byPartition(records, topic.logs.length, topic.turn++)) {
          for (const record of group) topic.logs[partition]?.append(record);
        }
      }),
    read: (name, options) =>
      attempt(() => startReader(name, find(name), options, clock, closed.signal)),
    [Symbol.asyncDispose]: () => attempt(() => closed.abort()),
  };
}

/** What a synchronous step returns or throws, as a promise. */
function attempt<T>(step: () => T): Promise<T> {
  return new Promise((resolve) => resolve(step()));
}

function startReader(
  name: string,
  topic: Topic,
  options: ReadOptions,
  clock: Clock,
  closed: AbortSignal,
): Reader {
  const held = topic.logs.map((log, partition) => ({
    partition,
    low: BigInt(log.start),
    high: BigInt(log.end),
  }));
  const start = startOffsets(name, held, options.from);
  const stopped = new AbortController();
  const ends = AbortSignal.any([stopped.signal, closed, topic.gone.signal]);
  const wakeAll = (): void => topic.logs.forEach((log) => log.wake());
  ends.addEventListener('abort', wakeAll, { once: true });
  const onGone = (): void => options.onCrash(noTopic(name));
  topic.gone.signal.addEventListener('abort', onGone, { signal: stopped.signal });
  const onCrash = (error: BusError): void => {
    stopped.abort();
    options.onCrash(error);
  };
  const pumps = topic.logs.map((log, partition) =>
    pump(log, Number(start.get(partition)), { ...options, onCrash }, clock, ends),
  );
  return {
    start,
    [Symbol.asyncDispose]: async () => {
      stopped.abort();
      await Promise.all(pumps);
    },
  };
}

/** Hands out one partition's records until `ends`. */
async function pump(
  log: MemoryLog,
  start: number,
  { onRecord, onCrash }: ReadOptions,
  clock: Clock,
  ends: AbortSignal,
): Promise<void> {
  let offset = start;
  while (!ends.aborted) {
    if (offset < log.start) {
      onCrash(passed(offset, log.start));
      return;
    }
    const record = log.at(offset);
    if (!record) {
      await log.grown();
      continue;
    }
    try {
      await onRecord(record);
      offset++;
    } catch {
      await clock.sleep(REDELIVERY_DELAY_MS, ends).catch(() => undefined);
    }
  }
}

function passed(offset: number, start: number): BusError {
  return new BusError(
    'OUT_OF_RANGE',
    `offset ${offset} is gone unread: the oldest held is ${start}`,
  );
}
