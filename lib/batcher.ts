/**
 * Batches by what accumulates while a call is under way: alone, an item waits for nobody; under load, calls grow
 * instead of their number.
 */

export interface BatcherOptions<T, R> {
  /** Does one call; answers one result an item, in order. A call that fails rejects all its items. */
  readonly call: (items: readonly T[]) => Promise<readonly R[]>;
  /** How much an item adds to a call; 1 unless told. */
  readonly weigh?: (item: T) => number;
  /** A call weighs no more, unless one item alone does. */
  readonly maxWeight: number;
  /** So many calls run side by side, and only while they do, items wait; 1 unless told. */
  readonly maxRunning?: number;
}

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export function createBatcher<T, R>(options: BatcherOptions<T, R>): (item: T) => Promise<R> {
  const { maxRunning = 1 } = options;
  const queue: Waiting<T, R>[] = [];
  let running = 0;

  const run = async (batch: readonly Waiting<T, R>[]): Promise<void> => {
    try {
      const results = await options.call(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, i) => resolve(results[i] as R));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };
  const drain = async (): Promise<void> => {
    running++;
    while (queue.length > 0) await run(queue.splice(0, batchLength(queue, options)));
    running--;
  };
  return (item) =>
    new Promise((resolve, reject) => {
      queue.push({ item, resolve, reject });
      if (running < maxRunning) void drain();
    });
}

function batchLength<T, R>(
  queue: readonly Waiting<T, R>[],
  { weigh = () => 1, maxWeight }: BatcherOptions<T, R>,
): number {
  let weight = 0;
  let length = 0;
  for (const { item } of queue) {
    weight += weigh(item);
    if (length > 0 && weight > maxWeight) break;
    length++;
  }
  return length;
}
