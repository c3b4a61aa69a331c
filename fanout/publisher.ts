/** Everything that goes to Kafka: one outlet for each gateway's topic, one for `presence-transitions`. */
import type { Clock } from '../lib/clock.ts';
import { BusError, type MessageBus, type TopicSpec } from '../lib/kafka/bus.ts';
import type { OutboxEntry } from '../store/presence-store.ts';
import type { Gateways } from './gateways.ts';
import { createOutlet, type Outlet } from './outlet.ts';
import { deliveryRecord, transitionRecord } from './records.ts';
import type { GatewayParcel } from './routes.ts';
import { gatewayTopic, TRANSITIONS_TOPIC } from './topics.ts';
import type { Upstream } from './upstream.ts';

export interface Publisher {
  /** Resolves when acknowledged. Transitions are written in the order of the calls. */
  transition(entry: OutboxEntry, isWanted: () => boolean): Promise<void>;
  /**
   * Resolves when acknowledged, when `isWanted` says no at a retry, or when the gateway's lease has ended. Messages
   * to one gateway are written in the order of the calls.
   */
  deliver(entry: OutboxEntry, parcel: GatewayParcel, isWanted: () => boolean): Promise<void>;
}

export interface PublisherOptions {
  readonly bus: Pick<MessageBus, 'send' | 'ensureTopic'>;
  readonly clock: Clock;
  readonly gateways: Gateways;
  /** Of `presence-transitions`, which is made anew if it is deleted. */
  readonly transitions: TopicSpec;
  readonly kafka: Upstream;
  /** Stops all retries. */
  readonly signal: AbortSignal;
}

/** Nobody waits for these on a screen; together they cost half. */
const TRANSITIONS_LINGER_MS = 10;

export function createPublisher(options: PublisherOptions): Publisher {
  const { bus, gateways, kafka, clock, signal } = options;
  const outlets = new Map<string, Outlet>();
  const shared = { bus, clock, signal, onSent: () => kafka.worked() };

  const outletOf = (gatewayId: string): Outlet => {
    const existing = outlets.get(gatewayId);
    if (existing) return existing;
    const outlet = createOutlet({
      ...shared,
      topic: gatewayTopic(gatewayId),
      lingerMs: 0,
      mayRetry: () => gateways.isLive(gatewayId),
      onFailure: (error) => noteFailure(error, kafka),
      onIdle: () => outlets.delete(gatewayId),
    });
    outlets.set(gatewayId, outlet);
    return outlet;
  };
  const transitions = createOutlet({
    ...shared,
    topic: TRANSITIONS_TOPIC,
    lingerMs: TRANSITIONS_LINGER_MS,
    mayRetry: async () => {
      await bus.ensureTopic(TRANSITIONS_TOPIC, options.transitions);
      return true;
    },
    onFailure: (error) => noteFailure(error, kafka),
    onIdle: () => undefined,
  });
  return {
    transition: (entry, isWanted) => transitions.push(transitionRecord(entry), isWanted),
    deliver: (entry, parcel, isWanted) =>
      outletOf(parcel.gatewayId).push(deliveryRecord(entry, parcel), isWanted),
  };
}

/** A topic that is gone says nothing of Kafka: most likely its gateway has ended. */
function noteFailure(error: unknown, kafka: Upstream): void {
  if (!(error instanceof BusError && error.code === 'NO_TOPIC')) kafka.failed(error);
}
