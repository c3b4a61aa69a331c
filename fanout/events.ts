/** Business events of fanout: one function each. */
import type { Logger } from '../lib/logger.ts';
import { messageOf } from '../lib/errors.ts';
import type { OutboxEntry } from '../store/presence-store.ts';

export interface FanoutEvents {
  /** The shards of this worker are others than before. */
  shardsChanged(owned: number, ofShards: number, workers: number): void;
  /** The store raised a shard's floor: data may have been lost, or its clock was set. */
  fenceSeen(shard: number, floor: number, holdMs: number): void;
  /** A backlog was thrown away: gateways take snapshots instead. */
  truncated(shard: number, entries: number, reason: string): void;
  /** Graph answered that it will not tell the audience of this entry. */
  audienceRefused(entry: OutboxEntry, error: unknown): void;
  /** A delivery ended in an error nobody expected; the entry is read and tried again. */
  deliveryBroke(entry: OutboxEntry, error: unknown): void;
  /** Topics that dead gateways left behind are gone. */
  topicsRemoved(topics: readonly string[]): void;
  /** They could not be looked for or removed; tried again next time. */
  topicsNotRemoved(error: unknown): void;
}

export function createFanoutEvents(logger: Logger): FanoutEvents {
  return {
    shardsChanged: (owned, ofShards, workers) =>
      logger.info({ owned, ofShards, workers }, 'owned shards changed'),
    fenceSeen: (shard, floor, holdMs) => logger.warn({ shard, floor, holdMs }, 'shard was fenced'),
    truncated: (shard, entries, reason) =>
      logger.error({ shard, entries, reason }, 'outbox truncated, gateways pull instead'),
    audienceRefused: (entry, error) =>
      logger.error({ ...about(entry), problem: messageOf(error) }, 'graph refuses the audience'),
    deliveryBroke: (entry, err) =>
      logger.error({ ...about(entry), err }, 'unexpected error in a delivery'),
    topicsRemoved: (topics) => logger.info({ topics }, 'removed topics of dead gateways'),
    topicsNotRemoved: (error) =>
      logger.warn({ problem: messageOf(error) }, 'could not remove topics of dead gateways'),
  };
}

function about({ entryId, settled, cause, trace }: OutboxEntry) {
  return { entryId, userId: settled.userId, version: settled.version, cause, trace };
}
