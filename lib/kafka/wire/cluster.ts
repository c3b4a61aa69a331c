/** Which broker leads which partition, and a connection to each broker that is asked. */
import { BusError } from '../bus.ts';
import type { Clock } from '../../clock.ts';
import { openConnection, type Connection } from './connection.ts';
import { ERROR, errorOf } from './error-codes.ts';
import { METADATA, type MetadataResponse } from './requests.ts';

export interface ClusterOptions {
  /** host:port of some brokers; the others are learned from them. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly clock: Clock;
  /** Longest wait for a connection, and for an answer to a request that does not wait by itself. */
  readonly requestTimeoutMs: number;
}

/** `leaders[partition]` is the node that leads it. */
export interface TopicLayout {
  readonly leaders: readonly number[];
}

export interface Cluster {
  /** The topic's layout if it is known. */
  known(topic: string): TopicLayout | undefined;
  /** Asks for the topic's layout. Fails with NO_TOPIC, or UNAVAILABLE while a partition has no leader. */
  layout(topic: string): Promise<TopicLayout>;
  /** Forgets a layout that turned out wrong. */
  forget(topic: string): void;
  /** `null` asks for all topics. */
  metadata(topics: readonly string[] | null): Promise<MetadataResponse>;
  /** The shared connection to a node. */
  node(nodeId: number): Connection;
  /** A connection of the caller's own, for requests that wait at the broker; the caller closes it. */
  dedicated(nodeId: number): Connection;
  close(): void;
}

export function createCluster(options: ClusterOptions): Cluster {
  const layouts = new Map<string, TopicLayout>();
  const asked = new Map<string, Promise<TopicLayout>>();
  const addresses = new Map<number, string>();
  const connections = new Map<string, Connection>();
  const dedicated = new Set<Connection>();
  let isClosed = false;

  const open = (address: string): Connection => {
    if (isClosed) throw new BusError('UNAVAILABLE', 'the bus is closed');
    const { host, port } = parseAddress(address);
    const { clientId, clock, requestTimeoutMs: connectTimeoutMs } = options;
    return openConnection({ host, port, clientId, clock, connectTimeoutMs });
  };
  const shared = (address: string): Connection => {
    const existing = connections.get(address);
    if (existing?.isOpen) return existing;
    const opened = open(address);
    connections.set(address, opened);
    return opened;
  };
  const addressOf = (nodeId: number): string => {
    const address = addresses.get(nodeId);
    if (address === undefined) throw new BusError('UNAVAILABLE', `Kafka node ${nodeId} is unknown`);
    return address;
  };

  /** Any broker knows: those already connected first, then those learned, then those configured. */
  const metadata = async (topics: readonly string[] | null): Promise<MetadataResponse> => {
    const connected = [...connections].filter(([, { isOpen }]) => isOpen).map(([at]) => at);
    const failures: string[] = [];
    for (const address of new Set([...connected, ...addresses.values(), ...options.brokers])) {
      try {
        const timeoutMs = options.requestTimeoutMs;
        const response = await shared(address).request(METADATA, topics, { timeoutMs });
        for (const { nodeId, host, port } of response.brokers) {
          addresses.set(nodeId, `${host}:${port}`);
        }
        return response;
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
    throw new BusError('UNAVAILABLE', `no Kafka broker answers: ${failures.join('; ')}`);
  };

  const ask = async (topic: string): Promise<TopicLayout> => {
    const { topics } = await metadata([topic]);
    const layout = layoutOf(topic, topics);
    layouts.set(topic, layout);
    return layout;
  };

  return {
    known: (topic) => layouts.get(topic),
    layout: (topic) => {
      const running = asked.get(topic);
      if (running) return running;
      const asking = ask(topic).finally(() => asked.delete(topic));
      asked.set(topic, asking);
      return asking;
    },
    forget: (topic) => void layouts.delete(topic),
    metadata,
    node: (nodeId) => shared(addressOf(nodeId)),
    dedicated: (nodeId) => {
      const connection = open(addressOf(nodeId));
      for (const other of dedicated) if (!other.isOpen) dedicated.delete(other);
      dedicated.add(connection);
      return connection;
    },
    close: () => {
      isClosed = true;
      for (const connection of [...connections.values(), ...dedicated]) connection.close();
    },
  };
}

function layoutOf(topic: string, topics: MetadataResponse['topics']): TopicLayout {
  const found = topics.find((candidate) => candidate.topic === topic);
  const error = found ? found.error : ERROR.UNKNOWN_TOPIC_OR_PARTITION;
  if (!found || error !== ERROR.NONE) throw errorOf(error, 'asking for', topic);
  const leaders: number[] = [];
  for (const { partition, leader } of found.partitions) leaders[partition] = leader;
  const leaderless = leaders.findIndex((leader) => leader < 0);
  if (leaderless >= 0) {
    throw new BusError('UNAVAILABLE', `partition ${leaderless} of topic ${topic} has no leader`);
  }
  return { leaders };
}

function parseAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(address.slice(colon + 1)) };
}
