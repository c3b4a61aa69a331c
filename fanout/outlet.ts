/**
 * Writes to one topic: in the order of `push`, one request under way at a time, records that accumulate meanwhile in
 * one request, and again until acknowledged, or until nobody is left who would read.
 */
import type { Clock } from '../lib/clock.ts';
import type { BusRecord, MessageBus } from '../lib/kafka/bus.ts';
import { backoffMs } from '../lib/retry.ts';

export interface OutletOptions {
  readonly topic: string;
  readonly bus: Pick<MessageBus, 'send'>;
  readonly clock: Clock;
  /** How long a first record waits for others to go with it, ms; 0 for what the same turn pushes. */
  readonly lingerMs: number;
  /** Asked before each retry; false drops everything: there is nobody to read. A rejection counts as true. */
  readonly mayRetry: () => Promise<boolean>;
  readonly onSent: () => void;
  readonly onFailure: (error: unknown) => void;
  /** Nobody is left who would read so many records. */
  readonly onDropped: (records: number) => void;
  /** Nothing is queued or under way any more. */
  readonly onIdle: () => void;
  /** Ends retries: what is not acknowledged then stays unresolved. */
  readonly signal: AbortSignal;
}

export interface Outlet {
  /**
   * Resolves when the record is acknowledged or of no use any more.
   * @param isWanted asked before a retry; a first try is always made, so that a subject that changes faster than
   * Kafka answers is still heard of.
   */
  push(record: BusRecord, isWanted: () => boolean): Promise<void>;
}

interface Queued {
  readonly record: BusRecord;
  readonly isWanted: () => boolean;
  readonly resolve: () => void;
}

const BACKOFF = { baseMs: 20, maxMs: 200 };
/** A batch beyond it takes no more records: well under the broker's limit of 1 MB. */
const MAX_BATCH_BYTES = 256 * 1024;

export function createOutlet(options: OutletOptions): Outlet {
  const { clock, signal, lingerMs } = options;
  let queue: Queued[] = [];
  let running = false;

  const settle = (items: readonly Queued[]): void => items.forEach(({ resolve }) => resolve());
  /** One request. @returns whether it was acknowledged. */
  const send = async (batch: readonly Queued[]): Promise<boolean> => {
    try {
      await options.bus.send(
        options.topic,
        batch.map(({ record }) => record),
      );
      options.onSent();
      return true;
    } catch (error) {
      options.onFailure(error);
      return false;
    }
  };
  const beforeRetry = async (attempt: number): Promise<void> => {
    if (!(await options.mayRetry().catch(() => true))) {
      options.onDropped(queue.length);
      settle(queue.splice(0));
      return;
    }
    await clock.sleep(backoffMs(attempt, BACKOFF, clock.random()), signal);
    settle(queue.filter(({ isWanted }) => !isWanted()));
    queue = queue.filter(({ isWanted }) => isWanted());
  };
  const drain = async (): Promise<void> => {
    await (lingerMs > 0 ? clock.sleep(lingerMs, signal) : Promise.resolve());
    let failures = 0;
    while (queue.length > 0) {
      const batch = queue.slice(0, batchLength(queue));
      if (await send(batch)) {
        failures = 0;
        queue.splice(0, batch.length);
        settle(batch);
      } else {
        await beforeRetry(failures++);
      }
    }
    running = false;
    options.onIdle();
  };
  const start = (): void => {
    running = true;
    drain().catch(() => undefined); // only by the signal: nothing is sent any more
  };
  return {
    push: (record, isWanted) =>
      new Promise((resolve) => {
        queue.push({ record, isWanted, resolve });
        if (!running) start();
      }),
  };
}

function batchLength(queue: readonly Queued[]): number {
  let bytes = 0;
  let length = 0;
  for (const { record } of queue) {
    bytes += record.value.length;
    if (length > 0 && bytes > MAX_BATCH_BYTES) break;
    length++;
  }
  return length;
}
