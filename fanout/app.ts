/**
 * Composition root of fanout: shards' outboxes → audience → live gateways → Kafka. It holds nothing that matters: when
 * this process dies, others own its shards within 1.5 s and deliver again what Kafka had not acknowledged.
 */
import type { GraphServiceClient } from '../gen/graph/v1/graph_service.ts';
import { createAbortController } from '../lib/abort.ts';
import type { Clock } from '../lib/clock.ts';
import type { ClientPool } from '../lib/grpc/client.ts';
import type { MessageBus, TopicSpec } from '../lib/kafka/bus.ts';
import { createDisposer, type Disposer } from '../lib/lifecycle.ts';
import type { Logger } from '../lib/logger.ts';
import { createReadiness, type Readiness } from '../lib/readiness.ts';
import { gauge } from '../lib/telemetry/metrics.ts';
import { METRICS } from '../lib/telemetry/names.ts';
import type { VapidKeys } from '../lib/web-push/vapid.ts';
import type { PresenceStore } from '../store/presence-store.ts';
import { createDispatcher, type Dispatch } from './dispatcher.ts';
import { createFanoutEvents, type FanoutEvents } from './events.ts';
import { createGateways, type Gateways } from './gateways.ts';
import { createHealthServer } from './health-server.ts';
import { createJanitor } from './janitor.ts';
import { ShardOutbox } from './outbox.ts';
import { createPlanner } from './planner.ts';
import { checkStore, prepareBus, reachGraph, subscribe } from './preparation.ts';
import { createPublisher } from './publisher.ts';
import { createPush } from './push.ts';
import { ShardLoop, type ShardLimits } from './shard-loop.ts';
import { createShards } from './shards.ts';
import { createSweeper, type Sweeper } from './sweep.ts';
import { transitionsSpec } from './topics.ts';
import { createUpstream, type Upstream } from './upstream.ts';

export interface FanoutOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Not disposed with the part, like `bus` and `graph`: they are whoever's made them. */
  readonly store: PresenceStore;
  readonly bus: MessageBus;
  readonly graph: ClientPool<GraphServiceClient>;
  /** Different for each start of each worker. */
  readonly workerId: string;
  /** Port of health over HTTP; 0 means any free one, undefined none at all. */
  readonly httpPort: number | undefined;
  /** Address that health is served on; default 127.0.0.1. */
  readonly httpHost?: string;
  /** Signs notifications to browsers; without it none is sent, and those who asked wait. */
  readonly vapid?: VapidKeys | undefined;
  /** Of `presence-transitions`; default 8. */
  readonly partitions?: number;
  /** Of `presence-transitions`; default 1. */
  readonly replication?: number;
  /** When a backlog is given up. Default: over 100,000 entries a shard, or one undelivered for 30 s. */
  readonly limits?: Partial<ShardLimits>;
  /** What dead gateways leave is looked for every `intervalMs` (30 s) and removed after `goneMs` (10 min). */
  readonly janitor?: { readonly intervalMs: number; readonly goneMs: number };
}

export interface FanoutPart extends AsyncDisposable {
  /** Of health over HTTP; undefined without it. */
  readonly port: number | undefined;
  readonly readiness: Readiness;
}

const LIMITS: ShardLimits = { maxBacklog: 100_000, maxStuckMs: 30_000 };
const JANITOR = { intervalMs: 30_000, goneMs: 600_000 };
/** Entries a worker has in hand at once. */
const MAX_IN_HAND = 50_000;

/**
 * Starts a worker. It resolves before Redis, Kafka and graph are reached: until they are, it is not ready and says
 * why. Disposing finishes what is in hand and gives the shards to the others.
 */
export async function createFanout(options: FanoutOptions): Promise<FanoutPart> {
  const { logger } = options;
  const disposer = createDisposer();
  const readiness = createReadiness(['redis', 'redis settings', 'kafka', 'graph']);
  const port = await serveHealth(options, readiness, disposer);
  const delivering = createAbortController();
  disposer.defer(() => delivering.abort(new Error('fanout stops')));
  const upstreams = createUpstreams(logger, readiness);
  const running = { ...options, events: createFanoutEvents(logger), upstreams, disposer };
  start({ ...running, signal: delivering.signal });
  return { port, readiness, [Symbol.asyncDispose]: () => disposer[Symbol.asyncDispose]() };
}

async function serveHealth(
  { httpPort, httpHost = '127.0.0.1' }: FanoutOptions,
  readiness: Readiness,
  disposer: Disposer,
): Promise<number | undefined> {
  if (httpPort === undefined) return undefined;
  return disposer.add(await createHealthServer(readiness, httpHost, httpPort)).port;
}

interface Running extends FanoutOptions {
  readonly disposer: Disposer;
  /** Ends what is in hand. */
  readonly signal: AbortSignal;
  readonly events: FanoutEvents;
  readonly upstreams: Upstreams;
}

interface Upstreams {
  readonly redis: Upstream;
  readonly settings: Upstream;
  readonly kafka: Upstream;
  readonly graph: Upstream;
}

function createUpstreams(logger: Logger, readiness: Readiness): Upstreams {
  const upstream = (name: string): Upstream => createUpstream({ name, readiness, logger });
  return {
    redis: upstream('redis'),
    settings: upstream('redis settings'),
    kafka: upstream('kafka'),
    graph: upstream('graph'),
  };
}

function start(running: Running): void {
  const { clock, store, disposer, events, upstreams, workerId } = running;
  const sweeper = disposer.add(
    createSweeper({ store, clock, createLoop: createLoopFactory(running) }),
  );
  observe(disposer, METRICS.shards, sweeper.shards);
  observe(disposer, METRICS.outboxDepth, sweeper.outboxDepth);
  const shards = disposer.add(
    createShards({
      ...{ store, clock, workerId, redis: upstreams.redis },
      onShare: (share, workers) => {
        sweeper.own(share);
        events.shardsChanged(share.size, store.shardCount, workers);
      },
    }),
  );
  disposer.add(
    createJanitor({
      ...{ bus: running.bus, store, clock, events },
      ...(running.janitor ?? JANITOR),
      isOnDuty: () => shards.owns(0),
    }),
  );
  prepare(running, sweeper);
}

function observe(disposer: Disposer, metric: Parameters<typeof gauge>[0], of: () => number): void {
  const observed = gauge(metric, of);
  disposer.defer(() => observed[Symbol.dispose]());
}

/** Outboxes stay when their shard is given away: what is in hand must not be taken twice if the shard comes back. */
function createLoopFactory(running: Running): (shard: number) => ShardLoop {
  const { store, clock, events, workerId, signal } = running;
  const { redis } = running.upstreams;
  const dispatch = createDelivery(running);
  const capacity = { free: MAX_IN_HAND };
  const limits = { ...LIMITS, ...running.limits };
  const outboxes = Array.from(
    { length: store.shardCount },
    (_, shard) =>
      new ShardOutbox({ shard, store, clock, dispatch, capacity, events, redis, signal }),
  );
  return (shard) => {
    const outbox = outboxes[shard] as ShardOutbox;
    outbox.rewind();
    return new ShardLoop({ shard, workerId, store, outbox, clock, limits, events, redis });
  };
}

function createDelivery(running: Running): Dispatch {
  const { clock, store, bus, graph, events, signal, upstreams } = running;
  const gateways = createGateways({ store, clock });
  observe(running.disposer, METRICS.liveGateways, gateways.count);
  const transitions = transitionsOf(running);
  const { kafka, redis } = upstreams;
  const dispatch = createDispatcher({
    planner: createPlanner({ graph, store, gateways }),
    publisher: createPublisher({ bus, clock, gateways, transitions, kafka, events, signal }),
    ...{ clock, events, redis, signal },
    graph: upstreams.graph,
  });
  return running.vapid ? notifying(dispatch, running.vapid, gateways, running) : dispatch;
}

/** Whoever asked to be told by Web Push is, once sockets have been. */
function notifying(
  dispatch: Dispatch,
  keys: VapidKeys,
  gateways: Gateways,
  { clock, store, graph, events, disposer }: Running,
): Dispatch {
  const push = disposer.add(createPush({ keys, clock, store, graph, gateways, events }));
  return (item, previous) => {
    const delivered = dispatch(item, previous);
    if (!item.entry.awaited) return delivered;
    return delivered.then(() => push.cameOnline(item.entry));
  };
}

function transitionsOf({
  partitions = 8,
  replication = 1,
}: Pick<FanoutOptions, 'partitions' | 'replication'>): TopicSpec {
  return transitionsSpec(partitions, replication);
}

function prepare(
  { clock, store, bus, graph, upstreams, disposer, ...options }: Running,
  sweeper: Sweeper,
): void {
  const preparing = new AbortController();
  const patience = { clock, signal: preparing.signal };
  const subscription = subscribe(store, sweeper.listener, upstreams.redis, patience);
  void checkStore(store, upstreams.settings, patience);
  void prepareBus(bus, transitionsOf(options), upstreams.kafka, patience);
  void reachGraph(graph, upstreams.graph, patience);
  disposer.defer(async () => {
    preparing.abort();
    await subscription[Symbol.asyncDispose]();
  });
}
