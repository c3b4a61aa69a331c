/**
 * Once a second, in every graph process: announces the changes that somebody stored and did not get to announce,
 * notices loads by others, and tells whether the graph can be read at all.
 */
import type { Clock, Timer } from '../lib/clock.ts';
import { status } from '@grpc/grpc-js';
import { isUnavailable, messageOf, RpcError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Announcer } from './announcer.ts';
import type { GraphStore, PendingChanges, PendingRecord } from './graph-store.ts';

export interface ReplayOptions {
  readonly store: Pick<GraphStore, 'pending'>;
  readonly announcer: Announcer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Somebody loaded edges since the last look. */
  readonly onLoad: () => void;
  /** Called after each look: what is wrong with the graph, or undefined. */
  readonly onHealth: (problem: string | undefined) => void;
}

const INTERVAL_MS = 1000;

/** Runs until disposed; disposing awaits the look that is going on. */
export function startReplay(options: ReplayOptions): AsyncDisposable {
  const { clock } = options;
  const look = createLook(options);
  let timer: Timer | undefined;
  let running: Promise<void> = Promise.resolve();
  let isStopped = false;
  const schedule = (): void => {
    if (isStopped) return;
    // Jitter keeps the processes from announcing the same records in step.
    timer = clock.after(INTERVAL_MS * (0.9 + 0.2 * clock.random()), () => {
      running = look().finally(schedule);
    });
  };
  schedule();
  return {
    async [Symbol.asyncDispose]() {
      isStopped = true;
      timer?.cancel();
      await running;
    },
  };
}

function createLook({ store, onLoad, onHealth, ...options }: ReplayOptions): () => Promise<void> {
  let seen: ReadonlySet<string> = new Set();
  let loads: string | undefined;
  return async () => {
    let pending: PendingChanges;
    try {
      pending = await store.pending();
      onHealth(undefined);
    } catch (error) {
      onHealth(messageOf(error));
      return;
    }
    if (loads !== undefined && pending.loads !== loads) onLoad();
    loads = pending.loads;
    // What was there a second ago was left behind by its writer; no clock of another process is asked.
    const left = pending.records.filter(({ recordId }) => seen.has(recordId));
    seen = new Set(pending.records.map(({ recordId }) => recordId));
    await announceAll(left, pending.revision, options);
  };
}

/** A record that fails holds up no other one; presence being away holds up all, until the next look. */
async function announceAll(
  records: readonly PendingRecord[],
  revision: number,
  { announcer, logger }: Pick<ReplayOptions, 'announcer' | 'logger'>,
): Promise<void> {
  for (const record of records) {
    try {
      await announcer.announceRecord(record, { revision, traceparent: undefined });
    } catch (error) {
      if (isAway(error)) {
        logger.warn(
          `${records.length} changed edges are still to be announced: ${messageOf(error)}`,
        );
        return;
      }
      logger.error({ recordId: record.recordId, err: error }, 'a changed edge is not announced');
    }
  }
}

const isAway = (error: unknown): boolean =>
  isUnavailable(error) || (error instanceof RpcError && error.code === status.DEADLINE_EXCEEDED);
