/**
 * Removes what gateways that died left in Kafka: their topics, once their lease has been gone for long. It remembers when it first missed a gateway; when the worker changes, the count begins anew.
 */
import type { Clock } from '../lib/clock.ts';
import type { MessageBus } from '../lib/kafka/bus.ts';
import type { PresenceStore } from '../store/presence-store.ts';
import type { FanoutEvents } from './events.ts';
import { periodically } from './periodic.ts';
import { GATEWAY_PREFIX, gatewayOf } from './topics.ts';

export interface JanitorOptions {
  readonly bus: Pick<MessageBus, 'listTopics' | 'deleteTopics'>;
  readonly store: Pick<PresenceStore, 'listLeases'>;
  readonly clock: Clock;
  readonly events: FanoutEvents;
  /** Whether it is this worker's turn. */
  readonly isOnDuty: () => boolean;
  /** How often it looks, ms. */
  readonly intervalMs: number;
  /** How long a gateway must have been missed, ms. */
  readonly goneMs: number;
}

export function createJanitor(options: JanitorOptions): AsyncDisposable {
  const { bus, store, clock, events } = options;
  const missedSinceMs = new Map<string, number>();

  const isGone = (gatewayId: string): boolean => {
    const sinceMs = missedSinceMs.get(gatewayId);
    return sinceMs !== undefined && clock.monotonic() - sinceMs >= options.goneMs;
  };
  const round = async (): Promise<void> => {
    const topics = await bus.listTopics(GATEWAY_PREFIX);
    // Read last: a gateway takes its lease after it made its topic.
    const live = new Set((await store.listLeases('gateways')).map(({ id }) => id));
    noteMissed(missedSinceMs, topics.map(gatewayOf), live, clock.monotonic());
    const left = topics.filter((topic) => isGone(gatewayOf(topic)));
    if (left.length === 0) return;
    await bus.deleteTopics(left);
    events.topicsRemoved(left);
  };
  return periodically(clock, options.intervalMs, async () => {
    if (options.isOnDuty()) await round().catch((error: unknown) => events.topicsNotRemoved(error));
    else missedSinceMs.clear();
  });
}

function noteMissed(
  missedSinceMs: Map<string, number>,
  found: readonly string[],
  live: ReadonlySet<string>,
  nowMs: number,
): void {
  const missed = new Set(found.filter((id) => !live.has(id)));
  for (const id of missedSinceMs.keys()) if (!missed.has(id)) missedSinceMs.delete(id);
  for (const id of missed) if (!missedSinceMs.has(id)) missedSinceMs.set(id, nowMs);
}
