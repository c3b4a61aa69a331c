/**
 * Writes records, many sends in few requests: each broker has at most one request under way, and what is sent meanwhile
 * goes together in the next, whatever its topic. A topic that fails fails alone. One try: retrying is the caller's.
 */
import type { Clock } from '../../clock.ts';
import { BusError, type BusRecord } from '../bus.ts';
import { byPartition } from '../partitions.ts';
import type { Cluster, TopicLayout } from './cluster.ts';
import { ERROR, errorOf } from './error-codes.ts';
import { PRODUCE, type ProduceRequest, type ProduceResponse } from './requests.ts';

export interface Producer {
  send(topic: string, records: readonly BusRecord[]): Promise<void>;
}

export interface ProducerOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
}

/** Below the broker's default limit for a batch (1,048,588), with room for what surrounds the values. */
const MAX_BATCH_BYTES = 900_000;
/** Offsets, lengths and checks of a record, roughly. */
const RECORD_OVERHEAD_BYTES = 128;

/** Part of a send: what goes to one partition in one batch. */
interface Part {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly BusRecord[];
  readonly bytes: number;
  readonly settle: (error?: BusError) => void;
}

interface Lane {
  readonly nodeId: number;
  waiting: Part[];
  busy: boolean;
}

export function createProducer({ cluster, clock, requestTimeoutMs }: ProducerOptions): Producer {
  const lanes = new Map<number, Lane>();
  /** Sends to topics whose layout is being asked for; later ones must not overtake them. */
  const unplaced = new Map<string, Unplaced[]>();
  let turn = 0;

  const place = (topic: string, layout: TopicLayout, { records, settle }: Unplaced): void => {
    const parts = split(topic, layout, records, turn++, settle);
    for (const part of parts) laneOf(layout.leaders[part.partition] ?? -1).waiting.push(part);
  };
  const laneOf = (nodeId: number): Lane => {
    const existing = lanes.get(nodeId);
    if (existing) return wake(existing);
    const lane: Lane = { nodeId, waiting: [], busy: false };
    lanes.set(nodeId, lane);
    return wake(lane);
  };
  /** Starts the lane after the current step, so that what is sent in the same step goes along. */
  const wake = (lane: Lane): Lane => {
    if (!lane.busy) {
      lane.busy = true;
      queueMicrotask(() => void drain(lane));
    }
    return lane;
  };
  const drain = async (lane: Lane): Promise<void> => {
    while (lane.waiting.length > 0) {
      const parts = takeBatch(lane);
      try {
        settleAll(parts, await produce(lane.nodeId, parts));
      } catch (error) {
        for (const part of parts) fail(part, asBusError(error));
      }
    }
    lane.busy = false;
  };
  const produce = (nodeId: number, parts: readonly Part[]): Promise<ProduceResponse> => {
    const request = { timeoutMs: requestTimeoutMs, timestampMs: clock.now(), topics: group(parts) };
    const sizeHint = 512 + parts.reduce((sum, { bytes }) => sum + bytes, 0);
    return cluster
      .node(nodeId)
      .request(PRODUCE, request, { timeoutMs: requestTimeoutMs, sizeHint });
  };
  const settleAll = (parts: readonly Part[], response: ProduceResponse): void => {
    const errors = new Map<string, number>();
    for (const { topic, partitions } of response) {
      for (const { partition, error } of partitions) errors.set(`${topic}/${partition}`, error);
    }
    for (const part of parts) {
      const code = errors.get(`${part.topic}/${part.partition}`) ?? -1;
      if (code === ERROR.NONE) part.settle();
      else fail(part, errorOf(code, 'writing to', part.topic));
    }
  };
  /** The next send asks anew who leads: whatever failed, that is the first thing that may have changed. */
  const fail = (part: Part, error: BusError): void => {
    cluster.forget(part.topic);
    part.settle(error);
  };
  const askAndPlace = async (topic: string): Promise<void> => {
    try {
      const layout = await cluster.layout(topic);
      for (const send of takeUnplaced(topic)) place(topic, layout, send);
    } catch (error) {
      for (const { settle } of takeUnplaced(topic)) settle(asBusError(error));
    }
  };
  const takeUnplaced = (topic: string): readonly Unplaced[] => {
    const sends = unplaced.get(topic) ?? [];
    unplaced.delete(topic);
    return sends;
  };

  return {
    send: (topic, records) =>
      new Promise((resolve, reject) => {
        if (records.length === 0) return resolve();
        const settle = (error?: BusError): void => (error ? reject(error) : resolve());
        const before = unplaced.get(topic);
        const layout = cluster.known(topic);
        if (before) before.push({ records, settle });
        else if (layout) place(topic, layout, { records, settle });
        else {
          unplaced.set(topic, [{ records, settle }]);
          void askAndPlace(topic);
        }
      }),
  };
}

interface Unplaced {
  readonly records: readonly BusRecord[];
  readonly settle: (error?: BusError) => void;
}

/** The parts of one send; it is settled when all of them are, with the first error. */
function split(
  topic: string,
  layout: TopicLayout,
  records: readonly BusRecord[],
  turn: number,
  settle: (error?: BusError) => void,
): Part[] {
  const parts: Part[] = [];
  let left = 0;
  let failure: BusError | undefined;
  const settlePart = (error?: BusError): void => {
    failure ??= error;
    if (--left === 0) settle(failure);
  };
  for (const [partition, ofPartition] of byPartition(records, layout.leaders.length, turn)) {
    for (const chunk of chunks(ofPartition)) {
      parts.push({ topic, partition, ...chunk, settle: settlePart });
    }
  }
  left = parts.length;
  return parts;
}

function chunks(records: readonly BusRecord[]): { records: BusRecord[]; bytes: number }[] {
  const result: { records: BusRecord[]; bytes: number }[] = [];
  let last: { records: BusRecord[]; bytes: number } | undefined;
  for (const record of records) {
    const bytes = record.value.length + RECORD_OVERHEAD_BYTES;
    if (last && last.bytes + bytes <= MAX_BATCH_BYTES) {
      last.records.push(record);
      last.bytes += bytes;
    } else result.push((last = { records: [record], bytes }));
  }
  return result;
}

/** Takes from the head as much as one request may hold, at least one part. */
function takeBatch(lane: Lane): Part[] {
  let bytes = 0;
  let count = 0;
  for (const part of lane.waiting) {
    bytes += part.bytes;
    if (count > 0 && bytes > MAX_BATCH_BYTES) break;
    count++;
  }
  return lane.waiting.splice(0, count);
}

/** Kafka wants one batch for a partition in a request. */
function group(parts: readonly Part[]): ProduceRequest['topics'] {
  const topics = new Map<string, Map<number, BusRecord[]>>();
  for (const { topic, partition, records } of parts) {
    const partitions = topics.get(topic) ?? new Map<number, BusRecord[]>();
    topics.set(topic, partitions);
    const batch = partitions.get(partition);
    if (batch) batch.push(...records);
    else partitions.set(partition, [...records]);
  }
  return [...topics].map(([topic, partitions]) => ({
    topic,
    partitions: [...partitions].map(([partition, records]) => ({ partition, records })),
  }));
}

function asBusError(error: unknown): BusError {
  if (error instanceof BusError) return error;
  return new BusError('UNAVAILABLE', error instanceof Error ? error.message : String(error));
}
