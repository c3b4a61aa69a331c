/** One Redis server or a Redis Cluster behind one face: commands that fail in bounded time and say where. */
import { Cluster, Command, Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../clock.ts';
import { backoffMs } from '../retry.ts';
import { createCork } from './cork.ts';
import { redisErrorOf } from './errors.ts';
import type { Argument, Send } from './scripts.ts';

export interface RedisConnectionOptions {
  /** One `redis://` or `rediss://` URL; several are servers of one cluster. */
  readonly urls: readonly string[];
  readonly clock: Clock;
  /** A call that was not answered for so long has failed, ms. */
  readonly commandTimeoutMs: number;
  /** Shown by CLIENT LIST. */
  readonly name: string;
}

/** One server. */
export interface RedisNode {
  /** Host and port. */
  readonly address: string;
  readonly send: Send;
  /** A connection of its own, for subscriptions: not connected yet, reconnects by itself, resubscribes nothing. */
  dedicated(): Redis;
}

export interface RedisConnection extends AsyncDisposable {
  /** For errors. */
  readonly address: string;
  readonly isCluster: boolean;
  /** Routed by the command's first key. Rejects with a RedisError. */
  readonly send: Send;
  /** Servers known now: masters, or all with their replicas. */
  nodes(role: 'master' | 'all'): readonly RedisNode[];
  /** The address of the master of a slot; undefined when none is known. */
  masterOf(slot: number): string | undefined;
  /** Called whenever the servers or their slots may have changed. Never for a single server. */
  onTopology(listener: () => void): Disposable;
  /** Called when a server has joined a cluster. Never for a single server. */
  onServer(listener: () => void): Disposable;
}

const DEFAULT_PORT = 6379;
const CONNECT_TIMEOUT_MS = 2_000;
const CLOSE_TIMEOUT_MS = 1_000;
const BACKOFF = { baseMs: 50, maxMs: 1_000 };
/** Tries of a cluster's command, 100 ms apart, while a server is away. */
const CLUSTER_TRIES = 6;
const TOPOLOGY_INTERVAL_MS = 2_000;

export function openRedis(options: RedisConnectionOptions): RedisConnection {
  const address = options.urls.map(addressOf).join(',');
  const isCluster = options.urls.length > 1;
  const client = isCluster ? createCluster(options) : createSingle(options);
  const failure = watchFailures(client);
  let opening: Promise<void> | undefined = open(client, failure).finally(() => {
    opening = undefined;
  });

  const nodeOf = (node: Redis): RedisNode => ({
    address: nodeAddress(node),
    send: sender(node, nodeAddress(node), failure),
    dedicated: () => dedicated(node, options),
  });
  const sendNow = sender(client, address, failure);
  return {
    address,
    isCluster,
    send: (command, args) =>
      opening ? opening.then(() => sendNow(command, args)) : sendNow(command, args),
    nodes: (role) => (client instanceof Cluster ? client.nodes(role) : [client]).map(nodeOf),
    masterOf: (slot) => (client instanceof Cluster ? client.slots[slot]?.[0] : address),
    onTopology: (listener) => on(client, 'refresh', listener),
    onServer: (listener) => on(client, '+node', listener),
    [Symbol.asyncDispose]: () => close(client, options.clock),
  };
}

function on(client: Redis | Cluster, event: string, listener: () => void): Disposable {
  client.on(event, listener);
  return { [Symbol.dispose]: () => void client.off(event, listener) };
}

/** Host and port of a URL: what errors may show of it. */
export function addressOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || DEFAULT_PORT}`;
}

const nodeAddress = (node: Redis): string => `${node.options.host}:${node.options.port}`;

function createSingle(options: RedisConnectionOptions): Redis {
  const [url = ''] = options.urls;
  return new Redis({ ...serverOf(url), ...common(options), ...hasty(options) });
}

function createCluster(options: RedisConnectionOptions): Cluster {
  const servers = options.urls.map(serverOf);
  const retryStrategy = retries(options.clock);
  return new Cluster(servers, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRedirections: CLUSTER_TRIES,
    slotsRefreshInterval: TOPOLOGY_INTERVAL_MS,
    clusterRetryStrategy: retryStrategy,
    clusterNodeRetryStrategy: retryStrategy,
    redisOptions: {
      ...credentialsOf(options.urls[0] ?? ''),
      ...common(options),
      ...hasty(options),
    },
  });
}

function serverOf(url: string) {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port || DEFAULT_PORT), ...credentialsOf(url) };
}

function credentialsOf(url: string) {
  const { username, password, protocol } = new URL(url);
  return {
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' && { tls: {} }),
  };
}

/** A call in flight when the connection breaks fails: whether it was done is for the caller to find out. */
function common({ commandTimeoutMs, name, clock }: RedisConnectionOptions) {
  return {
    lazyConnect: true,
    connectionName: name,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: commandTimeoutMs,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: retries(clock),
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions;
}

function retries(clock: Clock): (times: number) => number {
  return (times) => backoffMs(times - 1, BACKOFF, clock.random());
}

/** A server that is silent while calls wait is given up with its connection. */
function hasty({ commandTimeoutMs }: RedisConnectionOptions) {
  return { enableOfflineQueue: false, socketTimeout: 2 * commandTimeoutMs } satisfies RedisOptions;
}

/** Silence is what a subscriber mostly hears. */
function dedicated(node: Redis, options: RedisConnectionOptions): Redis {
  const { host = '127.0.0.1', port = DEFAULT_PORT } = node.options;
  const credentials = credentialsOf(options.urls[0] ?? '');
  return new Redis({ host, port, ...credentials, ...common(options), enableOfflineQueue: false });
}

/** Why there is no connection; undefined while there is one. */
interface Failure {
  last: Error | undefined;
}

/** What a client says when a server failed of which the reason was told before. */
const SAYS_LITTLE = /^(Connection is closed|Failed to refresh slots cache)/;

function watchFailures(client: Redis | Cluster): Failure {
  const failure: Failure = { last: undefined };
  const note = (error: Error): void => {
    if (!failure.last || !SAYS_LITTLE.test(error.message)) failure.last = error;
  };
  client.on('error', note);
  client.on('node error', note);
  client.on('ready', () => (failure.last = undefined));
  return failure;
}

/** Resolves when the first attempt has succeeded or failed; the client goes on trying by itself. */
async function open(client: Redis | Cluster, failure: Failure): Promise<void> {
  try {
    await client.connect();
    if (client instanceof Cluster) await Promise.all(client.nodes('master').map(warm));
  } catch (error) {
    failure.last ??= error as Error;
  }
}

/** A cluster's client connects to a server at its first command, and fails those that come meanwhile. */
async function warm(node: Redis): Promise<void> {
  await node.ping();
}

function sender(client: Redis | Cluster, address: string, failure: Failure): Send {
  const cork = createCork(client);
  return (name, args: Argument[]) => {
    cork();
    const command = new Command(name, args as string[], { replyEncoding: 'utf8' });
    const reply = client.sendCommand(command) as Promise<unknown>;
    return reply.catch((error: unknown) => {
      throw redisErrorOf(error, address, failure.last);
    });
  };
}

/** Resolves when the connection is closed; idempotent. A client that waits for its next try has nothing to close. */
export async function close(client: Redis | Cluster, clock: Clock): Promise<void> {
  const isConnected = ['connecting', 'connect', 'ready'].includes(client.status);
  const waiting = new AbortController();
  client.once('end', () => waiting.abort());
  client.disconnect();
  if (isConnected) await clock.sleep(CLOSE_TIMEOUT_MS, waiting.signal).catch(() => undefined);
}
