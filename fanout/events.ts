/** Business events of fanout: one function each, for metric and log record together. */
import type { Logger } from '../lib/logger.ts';
import { messageOf } from '../lib/errors.ts';
import { counter, histogram } from '../lib/telemetry/metrics.ts';
import { ATTRIBUTES, METRICS, STAGES, type Stage } from '../lib/telemetry/names.ts';
import type { NotificationRequest } from '../store/notification-store.ts';
import type { OutboxEntry } from '../store/presence-store.ts';
import { isDeath } from './journey.ts';
import type { GatewayParcel } from './routes.ts';

export interface FanoutEvents {
  /** The shards of this worker are others than before. */
  shardsChanged(owned: number, ofShards: number, workers: number): void;
  /** The store raised a shard's floor: data may have been lost, or its clock was set. */
  fenceSeen(shard: number, floor: number, holdMs: number): void;
  /** A backlog was thrown away: gateways take snapshots instead. */
  truncated(shard: number, entries: number, reason: string): void;
  /** An entry was taken in hand. */
  taken(entry: OutboxEntry, nowMs: number): void;
  /** It is known who is told of an entry, and how. */
  planned(entry: OutboxEntry, tookMs: number, parcels: readonly GatewayParcel[]): void;
  /** A later entry of the subject tells everyone whom this one would have told. */
  superseded(): void;
  /** Messages were dropped: the lease of the gateway they were for has ended. */
  gatewayGone(messages: number): void;
  /** Graph answered that it will not tell the audience of this entry. */
  audienceRefused(entry: OutboxEntry, error: unknown): void;
  /** A delivery ended in an error nobody expected; the entry is read and tried again. */
  deliveryBroke(entry: OutboxEntry, error: unknown): void;
  /** What became of a notification that somebody had asked for. */
  notified(outcome: NotificationOutcome): void;
  /** A push service did not take a notification. */
  notificationFailed(request: NotificationRequest, problem: string): void;
  /** Those who asked to be told of this entry could not be: they wait for the next time. */
  notificationsPostponed(entry: OutboxEntry, error: unknown): void;
  /** Topics that dead gateways left behind are gone. */
  topicsRemoved(topics: readonly string[]): void;
  /** They could not be looked for or removed; tried again next time. */
  topicsNotRemoved(error: unknown): void;
}

/** Values of `presence.outcome`: docs/operations.md says what they mean. */
export type NotificationOutcome = 'sent' | 'connected' | 'postponed' | 'gone' | 'failed';

export function createFanoutEvents(logger: Logger): FanoutEvents {
  return {
    ...createMeasures(),
    ...createTroubles(logger),
    ...createNotificationEvents(logger),
    ...createUpkeep(logger),
  };
}

/** What happens all the time is counted and not logged. */
function createMeasures(): Pick<FanoutEvents, 'taken' | 'planned' | 'superseded' | 'gatewayGone'> {
  const propagation = histogram(METRICS.propagation);
  const lateness = histogram(METRICS.lateness);
  const width = histogram(METRICS.width);
  const audience = histogram(METRICS.audience);
  const drop = counter(METRICS.drops);
  const conflation = counter(METRICS.conflations);
  const spent = (stage: Stage, { cause }: OutboxEntry, ms: number): void =>
    propagation(seconds(ms), { [ATTRIBUTES.stage]: stage, [ATTRIBUTES.cause]: cause });
  return {
    taken: (entry, nowMs) => {
      const { settledAtMs, causedAtMs, cause } = entry;
      spent(STAGES.settle, entry, settledAtMs - causedAtMs);
      spent(STAGES.outbox, entry, nowMs - settledAtMs);
      if (isDeath(entry))
        lateness(seconds(settledAtMs - causedAtMs), { [ATTRIBUTES.cause]: cause });
    },
    planned: (entry, tookMs, parcels) => {
      const attributes = { [ATTRIBUTES.cause]: entry.cause };
      spent(STAGES.audience, entry, tookMs);
      width(parcels.length, attributes);
      audience(recipientsOf(parcels), attributes);
    },
    superseded: () => conflation(1, { [ATTRIBUTES.stage]: STAGES.outbox }),
    gatewayGone: (messages) => drop(messages, { [ATTRIBUTES.reason]: 'gateway_gone' }),
  };
}

/** Clocks of two machines are never quite the same: no time is negative. */
const seconds = (ms: number): number => Math.max(0, ms) / 1000;

export function recipientsOf(parcels: readonly GatewayParcel[]): number {
  return parcels.reduce((sum, { recipientUserIds }) => sum + recipientUserIds.length, 0);
}

function createTroubles(
  logger: Logger,
): Pick<FanoutEvents, 'fenceSeen' | 'truncated' | 'audienceRefused' | 'deliveryBroke'> {
  const fence = counter(METRICS.fences);
  const drop = counter(METRICS.drops);
  return {
    fenceSeen: (shard, floor, holdMs) => {
      fence(1, {});
      logger.warn({ shard, floor, holdMs }, 'shard was fenced');
    },
    truncated: (shard, entries, reason) => {
      drop(entries, { [ATTRIBUTES.reason]: 'outbox_truncated' });
      logger.error({ shard, entries, reason }, 'outbox truncated, gateways pull instead');
    },
    audienceRefused: (entry, error) =>
      logger.error({ ...about(entry), problem: messageOf(error) }, 'graph refuses the audience'),
    deliveryBroke: (entry, err) =>
      logger.error({ ...about(entry), err }, 'unexpected error in a delivery'),
  };
}

function createNotificationEvents(
  logger: Logger,
): Pick<FanoutEvents, 'notified' | 'notificationFailed' | 'notificationsPostponed'> {
  const notification = counter(METRICS.notifications);
  const notified = (outcome: NotificationOutcome): void =>
    notification(1, { [ATTRIBUTES.outcome]: outcome });
  return {
    notified,
    notificationFailed: ({ subscription }, problem) => {
      notified('failed');
      const pushService = new URL(subscription.endpoint).host;
      logger.warn({ pushService, problem }, 'a notification was not taken');
    },
    notificationsPostponed: (entry, error) =>
      logger.warn(
        { ...about(entry), problem: messageOf(error) },
        'those who asked to be told wait for the next time',
      ),
  };
}

function createUpkeep(
  logger: Logger,
): Pick<FanoutEvents, 'shardsChanged' | 'topicsRemoved' | 'topicsNotRemoved'> {
  return {
    shardsChanged: (owned, ofShards, workers) =>
      logger.info({ owned, ofShards, workers }, 'owned shards changed'),
    topicsRemoved: (topics) => logger.info({ topics }, 'removed topics of dead gateways'),
    topicsNotRemoved: (error) =>
      logger.warn({ problem: messageOf(error) }, 'could not remove topics of dead gateways'),
  };
}

function about({ entryId, settled, cause, trace }: OutboxEntry) {
  return { entryId, userId: settled.userId, version: settled.version, cause, trace };
}
