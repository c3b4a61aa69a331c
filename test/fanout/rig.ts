/** Fanout workers with a store, a bus, a graph served over gRPC, and gateways that note what they are sent. */
import { GatewayRecord, type Delivery } from '../../gen/fanout/v1/messages.ts';
import { Transition } from '../../gen/presence/v1/transition.ts';
import { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import type { Presence } from '../../gen/presence/v1/presence.ts';
import { createFanout, type FanoutOptions, type FanoutPart } from '../../fanout/app.ts';
import { gatewayTopic, TRANSITIONS_TOPIC, transitionsSpec } from '../../fanout/topics.ts';
import { createGraph } from '../../graph/app.ts';
import { createMemoryGraphStore } from '../../graph/memory-graph-store.ts';
import type { GraphStore } from '../../graph/graph-store.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { createClientPool } from '../../lib/grpc/client.ts';
import { createGrpcServer } from '../../lib/grpc/server.ts';
import type { MessageBus, ReceivedRecord } from '../../lib/kafka/bus.ts';
import { createMemoryBus } from '../../lib/kafka/memory-bus.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { createLogger } from '../../lib/logger.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import type { Change, PresenceStore } from '../../store/presence-store.ts';
import type { ChosenStatus } from '../../store/status.ts';
import { eventually } from '../support/eventually.ts';
import { untilNoHold } from '../support/presence-store.ts';

export const SHARDS = 8;
export const logger = createLogger('test', 'silent');

export interface RigOptions {
  /** In-process when absent; disposed with the rig. */
  readonly store?: PresenceStore;
  readonly bus?: MessageBus;
  /** Of the workers, and of the store and the bus if they are in-process; the system's when absent. */
  readonly clock?: Clock;
  /** Lease of sessions in the in-process store, ms; 60,000 when absent. */
  readonly leaseTtlMs?: number;
  /** Followers up to which they are pushed to; 5,000 when absent. */
  readonly maxFollowers?: number;
}

export interface Rig extends AsyncDisposable {
  readonly store: PresenceStore;
  readonly bus: MessageBus;
  readonly graph: GraphStore;
  readonly graphAddress: string;
  /** In the order the topic holds them, each partition by itself. */
  readonly transitions: Transition[];
  readonly transitionRecords: ReceivedRecord[];
  worker(overrides?: Partial<FanoutOptions>): Promise<FanoutPart>;
  gateway(gatewayId: string): Promise<TestGateway>;
  befriend(a: string, b: string): Promise<void>;
  open(userId: string, gatewayId: string, sessionId?: string): Promise<void>;
  choose(userId: string, chosen: ChosenStatus): Promise<void>;
  change(change: Change): Promise<void>;
}

export interface TestGateway {
  readonly gatewayId: string;
  /** In the order of the topic. */
  readonly deliveries: Delivery[];
  readonly records: ReceivedRecord[];
  /** What a viewer here was last told of a subject, by version. */
  seen(viewer: string, subject: string): Presence | undefined;
  /** Ends the lease; the topic stays. */
  die(): Promise<void>;
}

export async function createRig(options: RigOptions = {}): Promise<Rig> {
  const disposer = createDisposer();
  try {
    return await setUp(options, disposer);
  } catch (error) {
    await disposer[Symbol.asyncDispose]();
    throw error;
  }
}

async function setUp(options: RigOptions, disposer: Disposer): Promise<Rig> {
  const { leaseTtlMs = 60_000, maxFollowers = 5000, clock = systemClock } = options;
  const store = disposer.add(
    options.store ?? createMemoryPresenceStore({ shardCount: SHARDS, leaseTtlMs, clock }),
  );
  await untilNoHold(store);
  const bus = disposer.add(options.bus ?? createMemoryBus({ clock }));
  const graph = disposer.add(createMemoryGraphStore({ clock: systemClock, maxFollowers }));
  const address = await serveGraph(graph, store, disposer);
  const transitionRecords: ReceivedRecord[] = [];
  const transitions: Transition[] = [];
  await bus.ensureTopic(TRANSITIONS_TOPIC, transitionsSpec(4, 1));
  const onTransition = (record: ReceivedRecord): void => {
    transitionRecords.push(record);
    transitions.push(Transition.decode(record.value));
  };
  disposer.add(await readAll(bus, TRANSITIONS_TOPIC, onTransition));
  let sessions = 0;
  const change = async (what: Change): Promise<void> => {
    await store.change(what);
  };
  return {
    ...{ store, bus, graph, graphAddress: address, transitions, transitionRecords, change },
    async worker(overrides) {
      const pool = createClientPool({
        ...{ service: GraphServiceClient, name: 'graph', addresses: [address] },
        clock: systemClock,
      });
      disposer.defer(() => pool[Symbol.dispose]());
      const workerId = `worker-${systemClock.uuid()}`;
      const base = { clock, logger, store, bus, graph: pool, workerId, httpPort: undefined };
      return disposer.add(await createFanout({ ...base, ...overrides }));
    },
    gateway: (gatewayId) => startGateway(gatewayId, store, bus, disposer),
    befriend: async (from, to) => {
      await graph.load([{ kind: 'FRIEND', from, to }]);
    },
    open: (userId, gatewayId, sessionId = `s${++sessions}`) =>
      change(opened(userId, gatewayId, sessionId)),
    choose: (userId, chosen) => change({ kind: 'choose', userId, chosen, trace: '' }),
    [Symbol.asyncDispose]: () => disposer[Symbol.asyncDispose](),
  };
}

export function opened(userId: string, gatewayId: string, sessionId: string): Change {
  const session = { sessionId, gatewayId, device: 'test', activity: 'ONLINE' as const };
  return { kind: 'open', userId, ...session, epoch: 1, ageMs: 0, trace: '' };
}

async function serveGraph(
  graphStore: GraphStore,
  store: PresenceStore,
  disposer: Disposer,
): Promise<string> {
  const clock = systemClock;
  const graph = disposer.add(
    createGraph({
      ...{ clock, logger, store: graphStore },
      presence: {
        announce: async ({ subject, only, revision }) => {
          const { settled } = await store.change({
            ...{ kind: 'announce', userId: subject, only, trace: '' },
            graphRevision: String(revision),
          });
          return { version: settled.version, lastActiveMs: settled.lastActiveMs };
        },
        offline: () => Promise.resolve(new Map<string, number>()),
      },
    }),
  );
  const { services } = graph;
  const server = disposer.add(
    await createGrpcServer({ services, host: '127.0.0.1', port: 0, drainMs: 100, clock }),
  );
  return `127.0.0.1:${server.port}`;
}

async function startGateway(
  gatewayId: string,
  store: PresenceStore,
  bus: MessageBus,
  disposer: Disposer,
): Promise<TestGateway> {
  const deliveries: Delivery[] = [];
  const records: ReceivedRecord[] = [];
  await bus.ensureTopic(gatewayTopic(gatewayId), transitionsSpec(1, 1));
  await store.keepLease('gateways', gatewayId, 600_000);
  const onRecord = (record: ReceivedRecord): void => {
    records.push(record);
    const { payload } = GatewayRecord.decode(record.value);
    if (payload?.$case === 'delivery') deliveries.push(payload.value);
  };
  disposer.add(await readAll(bus, gatewayTopic(gatewayId), onRecord));
  return {
    ...{ gatewayId, deliveries, records },
    seen: (viewer, subject) => newest(deliveries, viewer, subject),
    die: async () => {
      await store.keepLease('gateways', gatewayId, 0);
    },
  };
}

/** A topic that was just made may not be readable for a moment. */
function readAll(
  bus: MessageBus,
  topic: string,
  onRecord: (record: ReceivedRecord) => void,
): Promise<AsyncDisposable> {
  return eventually(() =>
    bus.read(topic, { from: 'earliest', onRecord, onCrash: () => undefined }),
  );
}

function newest(
  deliveries: readonly Delivery[],
  viewer: string,
  subject: string,
): Presence | undefined {
  return deliveries
    .filter(({ recipientUserIds }) => recipientUserIds.includes(viewer))
    .map(({ change }) => (change?.$case === 'update' ? change.value : undefined))
    .filter((presence) => presence?.userId === subject)
    .reduce((a, b) => (a && b && a.version > b.version ? a : b), undefined);
}
