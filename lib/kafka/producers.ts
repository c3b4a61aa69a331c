/**
 * A producer for each topic that is written to. Topics come and go, with gateways say, and whoever deletes one is often
 * another process: a producer that has had nothing to send for long is closed, with its connections.
 */
import type { Clock, Timer } from '../clock.ts';
import { BusError, type BusRecord } from './bus.ts';
import { noTopic } from './limits.ts';
import type { TopicProducer } from './topic-producer.ts';

export interface ProducersOptions {
  readonly clock: Clock;
  readonly create: (topic: string) => TopicProducer;
  /** A producer that was not used for this long is closed within as long again, ms. */
  readonly idleMs: number;
}

export interface Producers extends AsyncDisposable {
  /** @throws BusError; with NO_TOPIC the producer is closed: the topic may come again, as another one. */
  send(topic: string, records: readonly BusRecord[]): Promise<void>;
  /** Closes the topic's producer, if there is one, once what it was given is acknowledged or has failed. */
  forget(topic: string): Promise<void>;
}

interface Used {
  readonly producer: TopicProducer;
  /** Sends that are neither acknowledged nor failed. */
  underWay: number;
  usedAtMs: number;
}

export function createProducers({ clock, create, idleMs }: ProducersOptions): Producers {
  const producers = new Map<string, Used>();
  const closing = new Set<Promise<void>>();
  let timer: Timer | undefined;

  const close = async (topic: string, used: Used | undefined): Promise<void> => {
    // Of several that fail together the first closes it, and somebody may have opened another one since.
    if (!used || producers.get(topic) !== used) return;
    producers.delete(topic);
    if (producers.size === 0) stopLooking();
    const closed = Promise.resolve(used.producer[Symbol.asyncDispose]());
    closing.add(closed);
    await closed.finally(() => closing.delete(closed));
  };
  const closeIdle = (): void => {
    const sinceMs = clock.monotonic() - idleMs;
    for (const [topic, used] of producers) {
      const isIdle = used.underWay === 0 && used.usedAtMs <= sinceMs;
      // Nothing was under way: whether it closes well matters to nobody.
      if (isIdle) close(topic, used).catch(() => undefined);
    }
  };
  const stopLooking = (): void => {
    timer?.cancel();
    timer = undefined;
  };
  const open = (topic: string): Used => {
    const used = { producer: create(topic), underWay: 0, usedAtMs: 0 };
    producers.set(topic, used);
    timer ??= clock.every(idleMs, closeIdle);
    return used;
  };
  const forget = (topic: string): Promise<void> => close(topic, producers.get(topic));
  return {
    send: async (topic, records) => {
      const used = producers.get(topic) ?? open(topic);
      used.underWay++;
      try {
        await used.producer.send(records);
      } catch (error) {
        if (!(error instanceof BusError && error.code === 'NO_TOPIC')) throw error;
        await close(topic, used);
        throw noTopic(topic);
      } finally {
        used.underWay--;
        used.usedAtMs = clock.monotonic();
      }
    },
    forget,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...producers.keys()].map(forget));
      await Promise.all(closing);
    },
  };
}
