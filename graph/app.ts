/**
 * Composition root of graph: GraphService over one store. Holds nothing that matters: when this process dies between
 * storing a change and announcing it, another one announces it within two seconds.
 */
import { GraphServiceService } from '../gen/graph/v1/graph_service.ts';
import { createAbortController } from '../lib/abort.ts';
import type { Clock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { MountedService } from '../lib/grpc/server.ts';
import { watchStandstill } from '../lib/grpc/standstill.ts';
import { createDisposer } from '../lib/lifecycle.ts';
import type { Logger } from '../lib/logger.ts';
import { createReadiness, type Readiness } from '../lib/readiness.ts';
import { retry } from '../lib/retry.ts';
import { createAnnouncer, type AnnouncingPresence } from './announcer.ts';
import { createGraphHandlers } from './graph-handlers.ts';
import type { GraphStore } from './graph-store.ts';
import { createImporter } from './import-edges.ts';
import { startReplay } from './replay.ts';
import { createUserCache } from './user-cache.ts';

export interface GraphOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Not disposed with the part: it is whoever's made it. */
  readonly store: GraphStore;
  /** Called first when an edge changes, so presence may come up later than graph. */
  readonly presence: AnnouncingPresence;
}

export interface GraphPart extends AsyncDisposable {
  readonly services: readonly MountedService[];
  readonly readiness: Readiness;
}

/** About 80 MB at most. */
const MAX_CACHED_EDGES = 2_000_000;
const MAX_CACHED_AGE_MS = 300_000;
const PREPARE_BACKOFF = { baseMs: 200, maxMs: 2000 };

export function createGraph(options: GraphOptions): GraphPart {
  const { store, presence, clock, logger } = options;
  const disposer = createDisposer();
  const readiness = createReadiness(['graph store']);
  const users = createUserCache({
    store,
    clock,
    maxEdges: MAX_CACHED_EDGES,
    maxAgeMs: MAX_CACHED_AGE_MS,
  });
  const announcer = createAnnouncer({ store, presence });
  const stopping = createAbortController();
  const onHealth = createHealth(readiness, logger);
  const started = prepare(options, onHealth, stopping.signal).then((isPrepared) => {
    if (!isPrepared) return;
    const onLoad = (): void => users.forgetAll();
    disposer.add(startReplay({ store, announcer, clock, logger, onLoad, onHealth }));
  });
  const standstill = watchStandstill(clock);
  disposer.defer(() => standstill[Symbol.dispose]());
  const importEdges = createImporter(store);
  const implementation = createGraphHandlers({
    ...{ store, users, announcer, presence, importEdges, standstill, logger },
    stopping: stopping.signal,
  });
  const name = 'graph.v1.GraphService';
  const onStop = (): void => stopping.abort();
  return {
    readiness,
    services: [{ name, definition: GraphServiceService, implementation, readiness, onStop }],
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await started;
      await disposer[Symbol.asyncDispose]();
    },
  };
}

type Health = (problem: string | undefined) => void;

/** Logs each turn from good to bad and back once. */
function createHealth(readiness: Readiness, logger: Logger): Health {
  let last: string | undefined;
  return (problem) => {
    if (problem !== undefined && problem !== last) logger.error(problem);
    if (problem === undefined && last !== undefined) logger.info('the graph store answers again');
    last = problem;
    readiness.set('graph store', problem);
  };
}

/** Until the schema is there the part serves but is not ready. False when it was stopped before. */
async function prepare(
  { store, clock }: GraphOptions,
  onHealth: Health,
  signal: AbortSignal,
): Promise<boolean> {
  const onFailure = (error: unknown): void => onHealth(messageOf(error));
  try {
    await retry(() => store.prepare(), { clock, signal, backoff: PREPARE_BACKOFF, onFailure });
    onHealth(undefined);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
