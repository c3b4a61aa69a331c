/** Where a reader begins: one rule for both adapters. */
import { BusError, type Offsets, type ReadOptions } from './bus.ts';

/** What a partition holds: from `low` on, before `high`. */
export interface Held {
  readonly partition: number;
  readonly low: bigint;
  readonly high: bigint;
}

/** @throws BusError OUT_OF_RANGE */
export function startOffsets(
  topic: string,
  held: readonly Held[],
  from: ReadOptions['from'],
): Offsets {
  if (typeof from !== 'string') requireHeld(topic, held, from);
  return new Map(held.map((one) => [one.partition, startOf(topic, one, from)]));
}

function startOf(topic: string, held: Held, from: ReadOptions['from']): bigint {
  const { partition, low, high } = held;
  if (from === 'earliest') return low;
  if (from === 'latest') return high;
  const asked = from.get(partition) ?? low;
  if (asked >= low && asked <= high) return asked;
  throw new BusError(
    'OUT_OF_RANGE',
    `topic ${topic}, partition ${partition}: holds ${low} to ${high}, not ${asked}`,
  );
}

/** Whoever stands in a partition that is not there stands in another topic of the same name: one that was made anew. */
function requireHeld(topic: string, held: readonly Held[], from: Offsets): void {
  const there = new Set(held.map(({ partition }) => partition));
  const missing = [...from.keys()].filter((partition) => !there.has(partition));
  if (missing.length === 0) return;
  const partitions = missing.slice(0, 10).join(', ');
  throw new BusError('OUT_OF_RANGE', `topic ${topic}: has no partition ${partitions}`);
}
