/** Creates and deletes topics, and waits until the brokers have noticed. */
import type { Clock } from '../../clock.ts';
import { BusError, type TopicSpec } from '../bus.ts';
import type { Cluster } from './cluster.ts';
import { ERROR, errorOf } from './error-codes.ts';
import { CREATE_TOPIC, DELETE_TOPICS, LATEST, LIST_OFFSETS } from './requests.ts';

export interface AdminOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
}

export interface Admin {
  ensureTopic(topic: string, spec: TopicSpec): Promise<void>;
  listTopics(prefix: string): Promise<readonly string[]>;
  deleteTopics(topics: readonly string[]): Promise<void>;
}

const POLL_MS = 20;

export function createAdmin({ cluster, clock, requestTimeoutMs: timeoutMs }: AdminOptions): Admin {
  const controller = async () => cluster.node((await cluster.metadata([])).controllerId);

  /** Repeats until true; what it throws meanwhile is thrown only in the end. */
  const until = async (what: string, isDone: () => Promise<boolean>): Promise<void> => {
    const giveUpAt = clock.monotonic() + timeoutMs;
    for (;;) {
      try {
        if (await isDone()) return;
        if (clock.monotonic() >= giveUpAt) throw new BusError('UNAVAILABLE', `${what} takes long`);
      } catch (error) {
        if (clock.monotonic() >= giveUpAt) throw error;
      }
      await clock.sleep(POLL_MS);
    }
  };
  /** The controller has the topic before its leaders do. */
  const isWritable = async (topic: string): Promise<boolean> => {
    const { leaders } = await cluster.layout(topic);
    for (const [partition, leader] of leaders.entries()) {
      const request = { topic, partitions: [partition], at: LATEST } as const;
      const found = await cluster.node(leader).request(LIST_OFFSETS, request, { timeoutMs });
      const error = found[0]?.partitions[0]?.error ?? ERROR.UNKNOWN_TOPIC_OR_PARTITION;
      if (error !== ERROR.NONE) throw errorOf(error, 'waiting for', topic);
    }
    return true;
  };
  const listTopics = async (prefix: string): Promise<string[]> => {
    const { topics } = await cluster.metadata(null);
    return topics.map(({ topic }) => topic).filter((topic) => topic.startsWith(prefix));
  };

  return {
    listTopics,
    ensureTopic: async (topic, { partitions, replication, retentionMs, segmentMs }) => {
      const config = {
        'retention.ms': String(retentionMs),
        'segment.ms': String(segmentMs),
        // Our reader takes batches as they were written.
        'compression.type': 'producer',
      };
      const request = { topic, partitions, replication, config, timeoutMs };
      const results = await (await controller()).request(CREATE_TOPIC, request, { timeoutMs });
      for (const { error, message } of results) {
        if (error !== ERROR.NONE && error !== ERROR.TOPIC_ALREADY_EXISTS) {
          throw errorOf(error, 'creating', topic, message);
        }
      }
      await until(`creating topic ${topic}`, () => isWritable(topic));
    },
    deleteTopics: async (topics) => {
      if (topics.length === 0) return;
      topics.forEach((topic) => cluster.forget(topic));
      const request = { topics, timeoutMs };
      const results = await (await controller()).request(DELETE_TOPICS, request, { timeoutMs });
      for (const { topic, error } of results) {
        if (error !== ERROR.NONE && error !== ERROR.UNKNOWN_TOPIC_OR_PARTITION) {
          throw errorOf(error, 'deleting', topic);
        }
      }
      await until(`deleting ${topics.join(', ')}`, async () => {
        const left = new Set(await listTopics(''));
        return !topics.some((topic) => left.has(topic));
      });
    },
  };
}
