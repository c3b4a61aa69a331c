/** Kafka's primitive types, big-endian. 64-bit numbers are read as doubles: offsets and times stay below 2^53. */

/** Appends to a buffer that grows as needed. */
export class ByteWriter {
  #buffer: Buffer;
  #at = 0;

  constructor(sizeHint = 256) {
    this.#buffer = Buffer.allocUnsafe(sizeHint);
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.#at;
  }

  /** What has been written; a view, so nothing must be written after it. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  int8(value: number): this {
    this.#room(1);
    this.#at = this.#buffer.writeInt8(value, this.#at);
    return this;
  }

  int16(value: number): this {
    this.#room(2);
    this.#at = this.#buffer.writeInt16BE(value, this.#at);
    return this;
  }

  int32(value: number): this {
    this.#room(4);
    this.#at = this.#buffer.writeInt32BE(value, this.#at);
    return this;
  }

  int64(value: number): this {
    const high = Math.floor(value / 2 ** 32);
    return this.int32(high).int32((value - high * 2 ** 32) | 0);
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1);
    const size = Buffer.byteLength(value);
    return this.int16(size).utf8(value, size);
  }

  array<T>(items: readonly T[], write: (item: T) => void): this {
    this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#room(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  /** @param size its length in bytes, which every caller has had to write already. */
  utf8(value: string, size: number): this {
    this.#room(size);
    this.#at += this.#buffer.write(value, this.#at, size, 'utf8');
    return this;
  }

  /** Zigzag, 32 bits. */
  varint(value: number): this {
    this.#room(5);
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest >= 0x80) {
      this.#buffer[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#at++] = rest;
    return this;
  }

  /** Reserves an int32 that is known only later. */
  reserveInt32(): number {
    this.int32(0);
    return this.#at - 4;
  }

  /** @param at what `reserveInt32` returned. */
  patchInt32(at: number, value: number): void {
    this.#buffer.writeInt32BE(value | 0, at);
  }

  /** A view of what has been written from `start` on. */
  since(start: number): Buffer {
    return this.#buffer.subarray(start, this.#at);
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }
}

export class ByteReader {
  readonly buffer: Buffer;
  at: number;

  constructor(buffer: Buffer, at = 0) {
    this.buffer = buffer;
    this.at = at;
  }

  get left(): number {
    return this.buffer.length - this.at;
  }

  int8(): number {
    return this.buffer.readInt8(this.#advance(1));
  }

  int16(): number {
    return this.buffer.readInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.buffer.readInt32BE(this.#advance(4));
  }

  int64(): number {
    return this.int32() * 2 ** 32 + (this.int32() >>> 0);
  }

  boolean(): boolean {
    return this.int8() !== 0;
  }

  string(): string {
    return this.nullableString() ?? '';
  }

  nullableString(): string | null {
    const size = this.int16();
    return size < 0 ? null : this.utf8(size);
  }

  array<T>(read: () => T): T[] {
    const items: T[] = [];
    for (let count = this.int32(); count > 0; count--) items.push(read());
    return items;
  }

  /** A view, not a copy. */
  bytes(size: number): Buffer {
    const start = this.#advance(size);
    return this.buffer.subarray(start, this.at);
  }

  utf8(size: number): string {
    const start = this.#advance(size);
    return this.buffer.toString('utf8', start, this.at);
  }

  /** Zigzag; correct up to 53 bits, so for varlong as well. */
  varint(): number {
    let result = 0;
    let factor = 1;
    let byte: number;
    do {
      byte = this.buffer.readUInt8(this.#advance(1));
      result += (byte & 0x7f) * factor;
      factor *= 128;
    } while (byte >= 0x80);
    return result % 2 === 0 ? result / 2 : -(result + 1) / 2;
  }

  #advance(bytes: number): number {
    const start = this.at;
    this.at += bytes;
    return start;
  }
}

/** How many bytes `ByteWriter.varint` takes. */
export function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  return zigzag < 0x80
    ? 1
    : zigzag < 0x4000
      ? 2
      : zigzag < 0x200000
        ? 3
        : zigzag < 0x10000000
          ? 4
          : 5;
}
