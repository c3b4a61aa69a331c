/** Where a follower of transitions stands: the next offset of each partition, as a short text. */
import { invalidArgument } from '../lib/errors.ts';
import type { Offsets } from '../lib/kafka/bus.ts';

const CURSOR = /^\d{1,5}:\d{1,19}(,\d{1,5}:\d{1,19})*$/;

/** `0:17,1:4` */
export function writeCursor(offsets: Offsets): string {
  return [...offsets]
    .sort(([a], [b]) => a - b)
    .map(([partition, offset]) => `${partition}:${offset}`)
    .join(',');
}

/** @throws RpcError INVALID_ARGUMENT */
export function readCursor(text: string): Offsets {
  if (!CURSOR.test(text)) {
    throw invalidArgument('cursor', 'is none of ours; give the cursor of a response, as it was');
  }
  return new Map(
    text.split(',').map((part) => {
      const [partition, offset] = part.split(':');
      return [Number(partition), BigInt(offset ?? 0)];
    }),
  );
}
