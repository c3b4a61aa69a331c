/** One partition of the in-process bus: an append-only list that forgets by age, and what is more than it may hold. */
import type { BusRecord, ReceivedRecord } from './bus.ts';

export interface MemoryLog {
  /** Offset of the oldest record held. */
  readonly start: number;
  /** Offset that the next record will get. */
  readonly end: number;
  append(record: BusRecord): void;
  /** The record at `offset`; undefined before `start` and from `end` on. */
  at(offset: number): ReceivedRecord | undefined;
  /** Resolves at the next append. */
  grown(): Promise<void>;
  /** Resolves everyone who waits in `grown`. */
  wake(): void;
}

export interface MemoryLogOptions {
  readonly partition: number;
  readonly retentionMs: number;
  /** What its records take, about; the newest is held even if it is larger. */
  readonly maxBytes: number;
  readonly now: () => number;
}

/** Old records are dropped once they are this many, or as many as the young ones: dropping costs a copy. */
const MIN_DROP = 256;
/** When there are too many bytes, so much of them stays, for the same reason. */
const KEPT_SHARE = 0.75;
/** What a record takes beside its value, bytes, about. */
const RECORD_BYTES = 400;

export function createMemoryLog(options: MemoryLogOptions): MemoryLog {
  const { partition, retentionMs, maxBytes, now } = options;
  let bytes = 0;
  let records: ReceivedRecord[] = [];
  let firstOffset = 0;
  let waiting: (() => void)[] = [];

  const forget = (before: number): void => {
    let old = 0;
    while (old < records.length && (records[old]?.timestampMs ?? before) < before) old++;
    if (old >= MIN_DROP && old >= records.length / 2) drop(old);
  };
  const shrink = (toBytes: number): void => {
    let rest = bytes;
    let old = 0;
    for (const record of records) {
      if (rest <= toBytes || old === records.length - 1) break;
      rest -= bytesOf(record);
      old++;
    }
    drop(old);
  };
  const drop = (count: number): void => {
    for (let i = 0; i < count; i++) bytes -= bytesOf(records[i]);
    records = records.slice(count);
    firstOffset += count;
  };
  const wake = (): void => {
    const woken = waiting;
    waiting = [];
    for (const resolve of woken) resolve();
  };
  return {
    get start() {
      return firstOffset;
    },
    get end() {
      return firstOffset + records.length;
    },
    append(record) {
      const timestampMs = now();
      const offset = String(firstOffset + records.length);
      records.push({ ...record, partition, offset, timestampMs });
      bytes += bytesOf(record);
      if (bytes > maxBytes) shrink(maxBytes * KEPT_SHARE);
      if (records.length % MIN_DROP === 0) forget(timestampMs - retentionMs);
      wake();
    },
    at: (offset) => records[offset - firstOffset],
    grown: () => new Promise((resolve) => waiting.push(resolve)),
    wake,
  };
}

function bytesOf(record: BusRecord | undefined): number {
  return RECORD_BYTES + (record?.value.byteLength ?? 0);
}
