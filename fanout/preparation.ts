/** What must stand before a worker is ready; each tried until it does, the reason told meanwhile. */
import { connectivityState } from '@grpc/grpc-js';
import type { GraphServiceClient } from '../gen/graph/v1/graph_service.ts';
import type { Clock } from '../lib/clock.ts';
import type { ClientPool } from '../lib/grpc/client.ts';
import type { MessageBus, TopicSpec } from '../lib/kafka/bus.ts';
import { retry } from '../lib/retry.ts';
import type { PresenceStore, StoreListener } from '../store/presence-store.ts';
import { TRANSITIONS_TOPIC } from './topics.ts';
import type { Upstream } from './upstream.ts';

export interface Patience {
  readonly clock: Clock;
  /** Ends all tries. */
  readonly signal: AbortSignal;
}

const BACKOFF = { baseMs: 50, maxMs: 2000 };
const CONNECT_MS = 1000;
const POLL_MS = 20;

/** Resolves when the task went through, or by the signal. */
async function until<T>(
  task: () => Promise<T>,
  upstream: Upstream,
  what: string,
  patience: Patience,
): Promise<T | undefined> {
  const onFailure = (error: unknown): void => upstream.failed(error, what);
  try {
    const result = await retry(task, { ...patience, backoff: BACKOFF, onFailure });
    upstream.worked(what);
    return result;
  } catch (error) {
    if (patience.signal.aborted) return undefined;
    throw error;
  }
}

export async function checkStore(
  store: Pick<PresenceStore, 'checkSettings'>,
  settings: Upstream,
  patience: Patience,
): Promise<void> {
  await until(() => store.checkSettings(), settings, 'check', patience);
}

export async function prepareBus(
  bus: Pick<MessageBus, 'ensureTopic'>,
  transitions: TopicSpec,
  kafka: Upstream,
  patience: Patience,
): Promise<void> {
  await until(() => bus.ensureTopic(TRANSITIONS_TOPIC, transitions), kafka, 'topic', patience);
}

type Graph = Pick<ClientPool<GraphServiceClient>, 'clients' | 'target'>;

export async function reachGraph(
  graph: Graph,
  upstream: Upstream,
  patience: Patience,
): Promise<void> {
  await until(() => connect(graph, patience), upstream, '', patience);
}

/** Any one of the processes is enough. Polled, since grpc-js's own wait cannot be cancelled. */
async function connect(graph: Graph, { clock, signal }: Patience): Promise<void> {
  const giveUpAtMs = clock.monotonic() + CONNECT_MS;
  while (!graph.clients.some(({ client }) => isConnected(client))) {
    if (clock.monotonic() > giveUpAtMs) throw new Error(`${graph.target}: no connection`);
    await clock.sleep(POLL_MS, signal);
  }
}

/** Also asks an idle one to connect. */
function isConnected(client: GraphServiceClient): boolean {
  return client.getChannel().getConnectivityState(true) === connectivityState.READY;
}

/** Disposing ends the subscription, whether or not it stands yet. */
export function subscribe(
  store: Pick<PresenceStore, 'listen'>,
  listener: StoreListener,
  redis: Upstream,
  patience: Patience,
): AsyncDisposable {
  let standing: AsyncDisposable | undefined;
  const keep = async (): Promise<void> => {
    const subscription = await until(() => store.listen(listener), redis, 'subscription', patience);
    if (patience.signal.aborted) await subscription?.[Symbol.asyncDispose]();
    else standing = subscription;
  };
  void keep();
  return {
    async [Symbol.asyncDispose]() {
      await standing?.[Symbol.asyncDispose]();
    },
  };
}
