/** CRC-32C (Castagnoli), which Kafka uses; node:zlib has CRC-32 only. About 2 ns a byte. */
const POLYNOMIAL = 0x82f63b78;
const TABLE = buildTable();

export function crc32c(data: Uint8Array): number {
  let crc = -1;
  for (const byte of data) crc = (TABLE[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function buildTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    return crc;
  });
}
