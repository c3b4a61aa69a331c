/**
 * Port: a log of records in topics. Two adapters: kafka-bus.ts, and memory-bus.ts for the embedded default and tests.
 *
 * Contract (test/conformance/bus.ts): a record whose `send` resolved is with all of the broker's in-sync replicas; it
 * is handed to every reader of the topic at least once, in order within a partition. Topics are never created by
 * writing or reading. All errors are BusError.
 */

export interface BusRecord {
  /** Decides the partition; records of a key stay in order. Absent: any partition. */
  readonly key?: string;
  readonly value: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TopicSpec {
  readonly partitions: number;
  readonly replication: number;
  readonly retentionMs: number;
  /** Log segments are rolled, and so can be removed, after this long. */
  readonly segmentMs: number;
}

/** Partition → offset of the next record. */
export type Offsets = ReadonlyMap<number, bigint>;

/**
 * A reader gets every partition of its topic and keeps its place in memory: there are no consumer groups, so nothing
 * to join, to rebalance or to clean up. After a restart of its process it begins anew at `from`.
 */
export interface ReadOptions {
  /**
   * `earliest`: what the topic still holds, then what comes. `latest`: what is sent after `read` was called. Or the
   * offset of each partition's next record; a partition left out begins at its earliest.
   */
  readonly from: 'earliest' | 'latest' | Offsets;
  /** Called in order within a partition; the next record waits for its promise. A rejection ends in redelivery. */
  readonly onRecord: (record: ReceivedRecord) => Promise<void> | void;
  /**
   * The reader gave up and will not recover by itself: NO_TOPIC, or from the in-process bus OUT_OF_RANGE, when so much
   * was sent that what it had to read next is gone.
   */
  readonly onCrash: (error: BusError) => void;
}

export interface ReceivedRecord extends BusRecord {
  readonly partition: number;
  readonly offset: string;
  /** When the producer or broker stamped it, ms since the epoch. */
  readonly timestampMs: number;
}

export interface Reader extends AsyncDisposable {
  /** Where it began. */
  readonly start: Offsets;
}

/**
 * What failed: UNAVAILABLE no broker answers, NO_TOPIC the topic is not there, INVALID the request itself,
 * OUT_OF_RANGE the topic holds nothing at an offset asked for any more, or never did, or has no such partition.
 */
export type BusErrorCode = 'UNAVAILABLE' | 'NO_TOPIC' | 'INVALID' | 'OUT_OF_RANGE';

export class BusError extends Error {
  override readonly name = 'BusError';
  readonly code: BusErrorCode;
  constructor(code: BusErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface MessageBus extends AsyncDisposable {
  /** Resolves when a broker answers; throws BusError UNAVAILABLE naming the brokers. */
  ping(): Promise<void>;
  /** Creates the topic unless it is there; resolves when it can be written. */
  ensureTopic(topic: string, spec: TopicSpec): Promise<void>;
  /** All topics whose name begins with `prefix`. */
  listTopics(prefix: string): Promise<readonly string[]>;
  /** Deletes topics; those that are not there are no error. */
  deleteTopics(topics: readonly string[]): Promise<void>;
  /**
   * Writes records to one topic, acknowledged by all in-sync replicas. One try, bounded in time: retrying is the
   * caller's, who knows whether the topic's reader still lives. Concurrent sends may travel in one request; one that
   * fails does not fail the others.
   */
  send(topic: string, records: readonly BusRecord[]): Promise<void>;
  /** Starts a reader; resolves when it knows where it begins. The disposer stops it. */
  read(topic: string, options: ReadOptions): Promise<Reader>;
}
