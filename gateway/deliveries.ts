/**
 * Reads this gateway's own topic and hands what it says to the sessions of the recipients.
 *
 * A marker of our own must come back before anybody is registered: from then on whatever fanout writes is read.
 */
import { GatewayRecord, type Delivery } from '../gen/fanout/v1/messages.ts';
import type { Clock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { MessageBus } from '../lib/kafka/bus.ts';
import type { Logger } from '../lib/logger.ts';
import { retry } from '../lib/retry.ts';
import { createMarker } from './marker.ts';
import type { Session } from './session.ts';
import { changeOf, type SubjectChange } from './subject-change.ts';

export interface DeliveriesOptions {
  readonly gatewayId: string;
  readonly bus: MessageBus;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Replicas of the topic. */
  readonly replication: number;
  readonly sessionsOf: (userId: string) => readonly Session[];
  /** Something was delivered to a session that watches. */
  readonly onWatcherTold: (session: Session, subjectUserId: string) => void;
  /** Everything written from now on is read; `again`: after a time in which something may have been missed. */
  readonly onReading: (again: boolean) => void;
  /** Nothing is read, and why. */
  readonly onProblem: (problem: string) => void;
}

/** Disposing stops the reader and deletes the topic. */
export interface Deliveries extends AsyncDisposable {
  start(): void;
}

const TOPIC_PREFIX = 'presence-updates.';
const RETENTION_MS = 600_000;
const SEGMENT_MS = 60_000;
const BACKOFF = { baseMs: 100, maxMs: 2000 };

export function createDeliveries(options: DeliveriesOptions): Deliveries {
  const { bus, clock, logger } = options;
  const topic = `${TOPIC_PREFIX}${options.gatewayId}`;
  const stopping = new AbortController();
  let reader: AsyncDisposable | undefined;
  let starting: Promise<void> | undefined;
  let wasReading = false;

  const open = async (): Promise<void> => {
    await bus.ensureTopic(topic, {
      partitions: 1,
      replication: options.replication,
      retentionMs: RETENTION_MS,
      segmentMs: SEGMENT_MS,
    });
    const marker = createMarker(clock);
    const opened = await bus.read(topic, {
      from: 'earliest',
      onRecord: ({ value }) => receive(value, marker.seen),
      onCrash: (error) => void reopen(messageOf(error)),
    });
    try {
      await bus.send(topic, [{ value: marker.record }]);
      await marker.isBack(stopping.signal);
      reader = opened;
    } catch (error) {
      await opened[Symbol.asyncDispose]();
      throw error;
    }
  };

  const receive = (value: Uint8Array, onMarker: (nonce: string) => void): void => {
    try {
      const { payload } = GatewayRecord.decode(value);
      if (payload?.$case === 'delivery') deliver(payload.value, options);
      if (payload?.$case === 'marker') onMarker(payload.value.nonce);
    } catch (error) {
      // To fail would only bring the same record again, and keep all that follow.
      logger.error({ err: error }, 'a record could not be delivered');
    }
  };

  const keepOpening = async (): Promise<void> => {
    const onFailure = (error: unknown): void => options.onProblem(messageOf(error));
    await retry(open, { clock, backoff: BACKOFF, signal: stopping.signal, onFailure });
    options.onReading(wasReading);
    wasReading = true;
  };

  const start = (): void => {
    starting = keepOpening().catch(() => undefined);
  };

  const reopen = async (problem: string): Promise<void> => {
    if (stopping.signal.aborted || !reader) return;
    logger.error(problem);
    options.onProblem(problem);
    const crashed = reader;
    reader = undefined;
    await crashed[Symbol.asyncDispose]();
    start();
  };

  return {
    start,
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error('stopping'));
      await starting;
      await reader?.[Symbol.asyncDispose]();
      await bus.deleteTopics([topic]).catch((error: unknown) => {
        logger.warn(`topic ${topic} is left for the janitor: ${messageOf(error)}`);
      });
    },
  };
}

/** What goes to the sockets: nothing here waits, and a frame is encoded once for all that speak the same. */
function deliver(delivery: Delivery, options: DeliveriesOptions): void {
  const change = subjectChangeOf(delivery);
  if (!change) return;
  for (const userId of delivery.recipientUserIds) {
    for (const session of options.sessionsOf(userId)) {
      session.deliver(change);
      if (session.watching) options.onWatcherTold(session, change.subjectUserId);
    }
  }
}

function subjectChangeOf({ change }: Delivery): SubjectChange | undefined {
  if (change?.$case === 'update') return changeOf(change.value.userId, change.value);
  if (change?.$case === 'removedUserId') return changeOf(change.value, undefined);
  return undefined;
}
