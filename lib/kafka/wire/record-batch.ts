/** Record batches, version 2 (Kafka 0.11 and later), uncompressed. */
import { BusError, type BusRecord, type ReceivedRecord } from '../bus.ts';
import { ByteReader, varintSize, type ByteWriter } from './bytes.ts';
import { crc32c } from './crc32c.ts';

const MAGIC = 2;
/** Base offset and batch length, which the length does not count. */
const PREFIX_BYTES = 12;
/** From the leader epoch to the checksum. */
const BEFORE_CHECKSUM_BYTES = 9;
/** Producer id, its epoch, base sequence. */
const PRODUCER_BYTES = 14;
const COMPRESSION_MASK = 0x07;
const APPEND_TIME_FLAG = 0x08;
const CONTROL_FLAG = 0x20;
const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

export function writeBatch(
  writer: ByteWriter,
  records: readonly BusRecord[],
  timestampMs: number,
): void {
  writer.int64(0);
  const length = writer.reserveInt32();
  writer.int32(-1).int8(MAGIC);
  const checksum = writer.reserveInt32();
  const start = writer.length;
  writer
    .int16(0)
    .int32(records.length - 1)
    .int64(timestampMs)
    .int64(timestampMs)
    // No idempotent producer: whoever reads compares versions.
    .int64(-1)
    .int16(-1)
    .int32(-1)
    .int32(records.length);
  records.forEach((record, index) => writeRecord(writer, record, index));
  writer.patchInt32(checksum, crc32c(writer.since(start)));
  writer.patchInt32(length, writer.length - length - 4);
}

function writeRecord(writer: ByteWriter, record: BusRecord, index: number): void {
  const { key, value } = record;
  const headers = Object.entries(record.headers ?? {});
  const keyBytes = key === undefined ? -1 : Buffer.byteLength(key);
  writer
    .varint(recordSize(index, keyBytes, value.length, headers))
    .int8(0)
    .varint(0)
    .varint(index)
    .varint(keyBytes);
  if (key !== undefined) writer.utf8(key, keyBytes);
  writer.varint(value.length).bytes(value).varint(headers.length);
  for (const header of headers) {
    for (const text of header) {
      const bytes = Buffer.byteLength(text);
      writer.varint(bytes).utf8(text, bytes);
    }
  }
}

function recordSize(
  index: number,
  keyBytes: number,
  valueBytes: number,
  headers: readonly [string, string][],
): number {
  // Attributes and time delta take a byte each.
  let size = 2 + varintSize(index) + varintSize(keyBytes) + Math.max(keyBytes, 0);
  size += varintSize(valueBytes) + valueBytes + varintSize(headers.length);
  for (const header of headers) {
    for (const text of header) {
      const bytes = Buffer.byteLength(text);
      size += varintSize(bytes) + bytes;
    }
  }
  return size;
}

export interface ReadBatches {
  readonly records: ReceivedRecord[];
  /** Where to go on; also beyond batches that hold nothing for us. */
  readonly nextOffset: number;
}

/** Reads what a fetch returned: whole batches, of which the first may begin before `fromOffset`, the last be cut off. */
export function readBatches(data: Buffer, partition: number, fromOffset: number): ReadBatches {
  const records: ReceivedRecord[] = [];
  let nextOffset = fromOffset;
  let at = 0;
  while (data.length - at > PREFIX_BYTES) {
    const header = new ByteReader(data, at);
    const baseOffset = header.int64();
    const length = header.int32();
    if (data.length - header.at < length) break;
    const batch = data.subarray(header.at, header.at + length);
    nextOffset = readBatch(batch, baseOffset, partition, fromOffset, records);
    at = header.at + length;
  }
  return { records, nextOffset };
}

function readBatch(
  data: Buffer,
  baseOffset: number,
  partition: number,
  fromOffset: number,
  into: ReceivedRecord[],
): number {
  const reader = new ByteReader(data, 4);
  const magic = reader.int8();
  if (magic !== MAGIC) throw unreadable(partition, baseOffset, `has format ${magic}, not ${MAGIC}`);
  const checksum = reader.int32() >>> 0;
  if (crc32c(data.subarray(BEFORE_CHECKSUM_BYTES)) !== checksum) {
    throw unreadable(partition, baseOffset, 'has a wrong checksum');
  }
  const attributes = reader.int16();
  const nextOffset = baseOffset + reader.int32() + 1;
  const baseTimestamp = reader.int64();
  const maxTimestamp = reader.int64();
  const compression = attributes & COMPRESSION_MASK;
  if (compression !== 0) {
    const name = COMPRESSIONS[compression] ?? String(compression);
    throw unreadable(
      partition,
      baseOffset,
      `is compressed (${name}): set compression.type=producer`,
    );
  }
  if (attributes & CONTROL_FLAG) return nextOffset;
  reader.bytes(PRODUCER_BYTES);
  for (let count = reader.int32(); count > 0; count--) {
    const end = reader.varint() + reader.at;
    reader.int8();
    const created = baseTimestamp + reader.varint();
    const timestampMs = attributes & APPEND_TIME_FLAG ? maxTimestamp : created;
    const offset = baseOffset + reader.varint();
    if (offset >= fromOffset) {
      into.push({ ...readPayload(reader), partition, offset: String(offset), timestampMs });
    }
    reader.at = end;
  }
  return nextOffset;
}

function readPayload(reader: ByteReader): BusRecord {
  const keyBytes = reader.varint();
  const key = keyBytes < 0 ? undefined : reader.utf8(keyBytes);
  const value = reader.bytes(Math.max(reader.varint(), 0));
  const headers: Record<string, string> = {};
  for (let count = reader.varint(); count > 0; count--) {
    const name = reader.utf8(reader.varint());
    headers[name] = reader.utf8(Math.max(reader.varint(), 0));
  }
  return key === undefined ? { value, headers } : { key, value, headers };
}

function unreadable(partition: number, offset: number, problem: string): BusError {
  return new BusError('INVALID', `batch at offset ${offset} of partition ${partition} ${problem}`);
}
