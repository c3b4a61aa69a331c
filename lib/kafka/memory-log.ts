/** One partition of the in-process bus: an append-only list that forgets by age. */
import type { BusRecord, ReceivedRecord } from './bus.ts';

export interface MemoryLog {
  /** Offset of the oldest record held. */
  readonly start: number;
  /** Offset that the next record will get. */
  readonly end: number;
  append(record: BusRecord): void;
  /** The first record at or after `offset`, and the offset to ask for next. */
  next(offset: number): { record: ReceivedRecord; nextOffset: number } | undefined;
  /** Resolves at the next append. */
  grown(): Promise<void>;
  /** Resolves everyone who waits in `grown`. */
  wake(): void;
}

export interface MemoryLogOptions {
  readonly partition: number;
  readonly retentionMs: number;
  readonly now: () => number;
}

/** Old records are dropped once they are this many, or as many as the young ones: dropping costs a copy. */
const MIN_DROP = 256;

export function createMemoryLog({ partition, retentionMs, now }: MemoryLogOptions): MemoryLog {
  let records: ReceivedRecord[] = [];
  let firstOffset = 0;
  let waiting: (() => void)[] = [];

  const forget = (before: number): void => {
    let old = 0;
    while (old < records.length && (records[old]?.timestampMs ?? before) < before) old++;
    if (old < MIN_DROP || old < records.length / 2) return;
    records = records.slice(old);
    firstOffset += old;
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
      if (records.length % MIN_DROP === 0) forget(timestampMs - retentionMs);
      wake();
    },
    next(offset) {
      const at = Math.max(offset, firstOffset);
      const record = records[at - firstOffset];
      return record && { record, nextOffset: at + 1 };
    },
    grown: () => new Promise((resolve) => waiting.push(resolve)),
    wake,
  };
}
