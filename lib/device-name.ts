/** What a client calls its device: told to operators as it is, so that it must be fit to be printed. */
import { firstUnprintable } from './printable.ts';

const MAX_DEVICE_BYTES = 64;

/** What is wrong with it, and what would be right; undefined for nothing. */
export function deviceProblem(device: string): string | undefined {
  const right = `give at most ${MAX_DEVICE_BYTES} bytes of printable characters`;
  if (Buffer.byteLength(device) > MAX_DEVICE_BYTES) {
    return `is longer than ${MAX_DEVICE_BYTES} bytes; ${right}`;
  }
  const character = firstUnprintable(device);
  return character && `has ${character}, which cannot be printed; ${right}`;
}
