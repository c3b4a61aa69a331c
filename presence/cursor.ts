/**
 * Where a follower of transitions stands, as a short text: the next offset of each partition, and the fences it has
 * been told of.
 */
import { createHash } from 'node:crypto';
import { invalidArgument } from '../lib/errors.ts';
import type { Offsets } from '../lib/kafka/bus.ts';

export interface Cursor {
  readonly offsets: Offsets;
  /** Of `fencesOf`; empty in a cursor from before there were any in it. */
  readonly fences: string;
}

const CURSOR = /^(\d{1,5}:\d{1,19}(?:,\d{1,5}:\d{1,19})*)(?:;([\w-]{16}))?$/;

/** `0:17,1:4;gQxR0xcJ2bZk1-Yd` */
export function writeCursor({ offsets, fences }: Cursor): string {
  const places = [...offsets]
    .sort(([a], [b]) => a - b)
    .map(([partition, offset]) => `${partition}:${offset}`)
    .join(',');
  return `${places};${fences}`;
}

/**
 * Every partition that there was is in it, in order: one from before some were added has the first ones.
 * @throws RpcError INVALID_ARGUMENT
 */
export function readCursor(text: string): Cursor {
  const [, places = '', fences = ''] = CURSOR.exec(text) ?? [];
  const parts = places.split(',').map((part) => part.split(':'));
  if (parts.some(([partition], index) => partition !== String(index))) {
    throw invalidArgument('cursor', 'is none of ours; give the cursor of a response, as it was');
  }
  const offsets = new Map(parts.map(([, offset = ''], partition) => [partition, BigInt(offset)]));
  return { offsets, fences };
}

/** The same for the same floors of all shards, and another one when a shard was fenced since. */
export function fencesOf(floors: ReadonlyMap<number, number>): string {
  const inOrder = [...floors].sort(([a], [b]) => a - b).map(([, floor]) => floor);
  return createHash('sha256').update(inOrder.join(' ')).digest('base64url').slice(0, 16);
}
