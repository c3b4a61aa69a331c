/** Everything that goes to Kafka: one outlet for each gateway's topic, one for `presence-transitions`. */
import type { Clock } from '../lib/clock.ts';
import { BusError, type MessageBus, type TopicSpec } from '../lib/kafka/bus.ts';
import { ATTRIBUTES, SPANS } from '../lib/telemetry/names.ts';
import { beginStep, type SpanAttributes, type Step } from '../lib/telemetry/spans.ts';
import type { OutboxEntry } from '../store/presence-store.ts';
import type { FanoutEvents } from './events.ts';
import type { Gateways } from './gateways.ts';
import { createOutlet, type Outlet } from './outlet.ts';
import { deliveryRecord, transitionRecord } from './records.ts';
import type { GatewayParcel } from './routes.ts';
import { gatewayTopic, TRANSITIONS_TOPIC } from './topics.ts';
import type { Upstream } from './upstream.ts';

export interface Publisher {
  /** Resolves when acknowledged. Transitions are written in the order of the calls, in the trace of a traceparent. */
  transition(entry: OutboxEntry, trace: string, isWanted: () => boolean): Promise<void>;
  /**
   * Resolves when acknowledged, when `isWanted` says no at a retry, or when the gateway's lease has ended. Messages
   * to one gateway are written in the order of the calls.
   */
  deliver(
    entry: OutboxEntry,
    parcel: GatewayParcel,
    trace: string,
    isWanted: () => boolean,
  ): Promise<void>;
}

export interface PublisherOptions {
  readonly bus: Pick<MessageBus, 'send' | 'ensureTopic'>;
  readonly clock: Clock;
  readonly gateways: Gateways;
  /** Of `presence-transitions`, which is made anew if it is deleted. */
  readonly transitions: TopicSpec;
  readonly kafka: Upstream;
  readonly events: Pick<FanoutEvents, 'gatewayGone'>;
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
      onDropped: (records) => options.events.gatewayGone(records),
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
    onDropped: () => undefined,
    onIdle: () => undefined,
  });
  return {
    transition: (entry, trace, isWanted) => {
      const step = beginSend(trace, () => ({ [ATTRIBUTES.topic]: TRANSITIONS_TOPIC }));
      const record = transitionRecord(entry, step.traceparent);
      return ending(step, transitions.push(record, isWanted));
    },
    deliver: (entry, parcel, trace, isWanted) => {
      const step = beginSend(trace, () => describe(parcel));
      const sending = { traceparent: step.traceparent, sentAtMs: clock.now() };
      const record = deliveryRecord(entry, parcel, sending);
      return ending(step, outletOf(parcel.gatewayId).push(record, isWanted));
    },
  };
}

function beginSend(trace: string, attributes: () => SpanAttributes): Step {
  const step = beginStep(SPANS.send, trace, { kind: 'PRODUCER' });
  if (step.isRecording) step.set(attributes());
  return step;
}

function ending(step: Step, sent: Promise<void>): Promise<void> {
  return step.isRecording ? sent.finally(step.end) : sent;
}

function describe({ gatewayId, recipientUserIds }: GatewayParcel): SpanAttributes {
  return {
    [ATTRIBUTES.topic]: gatewayTopic(gatewayId),
    [ATTRIBUTES.gateway]: gatewayId,
    [ATTRIBUTES.recipients]: recipientUserIds.length,
  };
}

/** A topic that is gone says nothing of Kafka: most likely its gateway has ended. */
function noteFailure(error: unknown, kafka: Upstream): void {
  if (!(error instanceof BusError && error.code === 'NO_TOPIC')) kafka.failed(error);
}
