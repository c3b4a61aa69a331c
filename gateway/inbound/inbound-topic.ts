/**
 * This gateway's own topic: made at the start, read from its beginning, deleted at the end.
 *
 * A marker of our own must come back before anybody is registered: from then on whatever fanout writes is read.
 */
import { GatewayRecord, type Delivery } from '../../gen/fanout/v1/messages.ts';
import type { Clock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import type { MessageBus, ReceivedRecord, TopicSpec } from '../../lib/kafka/bus.ts';
import type { Logger } from '../../lib/logger.ts';
import { retry } from '../../lib/retry.ts';
import { createMarker, type Marker } from './marker.ts';

export interface InboundTopicOptions {
  readonly gatewayId: string;
  readonly bus: MessageBus;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Replicas of the topic. */
  readonly replication: number;
  /** @param trace the traceparent it came with; '' for none. */
  readonly onDelivery: (delivery: Delivery, trace: string) => void;
  /** Everything written from now on is read; `again`: after a time in which something may have been missed. */
  readonly onReading: (again: boolean) => void;
  /** Nothing is read, and why. */
  readonly onProblem: (problem: string) => void;
}

const TOPIC_PREFIX = 'presence-updates.';
const RETENTION_MS = 600_000;
const SEGMENT_MS = 60_000;
const BACKOFF = { baseMs: 100, maxMs: 2000 };

export class InboundTopic implements AsyncDisposable {
  readonly #options: InboundTopicOptions;
  readonly #topic: string;
  readonly #stopping = new AbortController();
  #reader: AsyncDisposable | undefined;
  #opening: Promise<void> | undefined;
  #wasReading = false;

  constructor(options: InboundTopicOptions) {
    this.#options = options;
    this.#topic = `${TOPIC_PREFIX}${options.gatewayId}`;
  }

  /** Tries until it reads. */
  start(): void {
    this.#opening = this.#keepOpening().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { bus, logger } = this.#options;
    this.#stopping.abort(new Error('the gateway stops'));
    await this.#opening;
    await this.#reader?.[Symbol.asyncDispose]();
    await bus.deleteTopics([this.#topic]).catch((error: unknown) => {
      logger.warn(`topic ${this.#topic} is left for the janitor: ${messageOf(error)}`);
    });
  }

  async #keepOpening(): Promise<void> {
    const { clock, onProblem, onReading } = this.#options;
    const onFailure = (error: unknown): void => onProblem(messageOf(error));
    const { signal } = this.#stopping;
    await retry(() => this.#open(), { clock, backoff: BACKOFF, signal, onFailure });
    onReading(this.#wasReading);
    this.#wasReading = true;
  }

  async #open(): Promise<void> {
    const { bus, clock, replication } = this.#options;
    await bus.ensureTopic(this.#topic, specOf(replication));
    const marker = createMarker(clock);
    const reader = await bus.read(this.#topic, {
      from: 'earliest',
      onRecord: (record) => this.#receive(record, marker),
      onCrash: (error) => void this.#reopen(messageOf(error)),
    });
    try {
      await bus.send(this.#topic, [{ value: marker.record }]);
      await marker.isBack(this.#stopping.signal);
      this.#reader = reader;
    } catch (error) {
      await reader[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #reopen(problem: string): Promise<void> {
    const crashed = this.#reader;
    if (this.#stopping.signal.aborted || !crashed) return;
    this.#options.logger.error(problem);
    this.#options.onProblem(problem);
    this.#reader = undefined;
    await crashed[Symbol.asyncDispose]();
    this.start();
  }

  #receive({ value, headers }: ReceivedRecord, marker: Marker): void {
    try {
      const { payload } = GatewayRecord.decode(value);
      if (payload?.$case === 'delivery') {
        this.#options.onDelivery(payload.value, headers?.['traceparent'] ?? '');
      }
      if (payload?.$case === 'marker') marker.seen(payload.value.nonce);
    } catch (error) {
      // To fail would only bring the same record again, and keep back all that follow.
      this.#options.logger.error({ err: error }, 'a record could not be delivered');
    }
  }
}

function specOf(replication: number): TopicSpec {
  return { partitions: 1, replication, retentionMs: RETENTION_MS, segmentMs: SEGMENT_MS };
}
