/** Names and shapes of topics. A gateway creates its own one, fanout creates `presence-transitions`. */
import type { TopicSpec } from '../lib/kafka/bus.ts';

/** Every change of a visible status, for internal services. */
export const TRANSITIONS_TOPIC = 'presence-transitions';

/** Topics of gateways begin with it. */
export const GATEWAY_PREFIX = 'presence-updates.';

export function gatewayTopic(gatewayId: string): string {
  return `${GATEWAY_PREFIX}${gatewayId}`;
}

/** The gateway whose topic it is. */
export function gatewayOf(topic: string): string {
  return topic.slice(GATEWAY_PREFIX.length);
}

const HOUR_MS = 3_600_000;

export function transitionsSpec(partitions: number, replication: number): TopicSpec {
  return { partitions, replication, retentionMs: 24 * HOUR_MS, segmentMs: HOUR_MS };
}
