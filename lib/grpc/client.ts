/** Clients of one service on several processes: calls go round them, and past the ones that do not answer. */
import {
  Metadata,
  type CallOptions,
  type ChannelOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import { resolveHost, type Resolve } from './addresses.ts';
import { asRpcError } from './call-errors.ts';
import { callInTurn, type CallInTurn, type Ending } from './call-in-turn.ts';
import type { BaseClient, Peer } from './peer.ts';
import { Peers, type ClientConstructor } from './peers.ts';
import { QuestionStream, type QuestionCall } from './question-stream.ts';

export type { ClientConstructor, Peer };

type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

type StreamMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
) => ClientReadableStream<Response>;

type QuestionMethod<Request, Response> = () => QuestionCall<Request, Response>;

export interface CallSettings {
  /** Time for the whole call with its retries, ms. */
  readonly timeoutMs?: number;
  /** W3C traceparent to send along. */
  readonly traceparent?: string | undefined;
  /** More metadata. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Done twice it is as if done once: another process is asked as well when the first one hangs, and the first answer
   * counts. Default false: then the call waits for its deadline.
   */
  readonly isIdempotent?: boolean;
}

export type Ask<Request, Response> = (
  request: Request,
  settings?: CallSettings,
) => Promise<Response>;

export interface ClientPool<C extends BaseClient> extends Disposable {
  /** What is called, for error messages: name and addresses. */
  readonly target: string;
  /** Those known now. */
  readonly clients: readonly Peer<C>[];
  /** Calls the listener whenever `clients` is another. */
  watch(listener: () => void): Disposable;
  /** Calls one process, and the next one when that one is UNAVAILABLE. Rejects with RpcError. */
  unary<Request, Response>(
    method: (client: C) => UnaryMethod<Request, Response>,
    request: Request,
    settings?: CallSettings,
  ): Promise<Response>;
  /** What asks like `unary`, over a stream kept to each process: for what is asked many times a second. */
  asking<Request, Response>(
    method: (client: C) => QuestionMethod<Request, Response>,
  ): Ask<Request, Response>;
  /**
   * Reads a stream to its end from one process, the first that sends a message or ends it. One that broke later is not
   * resumed. Rejects with RpcError.
   */
  stream<Request, Response>(
    method: (client: C) => StreamMethod<Request, Response>,
    request: Request,
    settings?: CallSettings,
  ): AsyncIterable<Response>;
}

export interface ClientPoolOptions<C extends BaseClient> {
  readonly service: ClientConstructor<C>;
  /** What the service is called in error messages. */
  readonly name: string;
  /** host:port of each process; or of several by one name, such as a headless service in Kubernetes. */
  readonly addresses: readonly string[];
  readonly clock: Clock;
  /** Told when a process is passed over because it hangs, and when it is back; default: nobody. */
  readonly logger?: Logger;
  /** Default: as the machine looks names up. */
  readonly resolve?: Resolve;
}

const DEFAULT_TIMEOUT_MS = 2000;
/** To who stood still: twice as long is more than it takes to catch up, see standstill.ts. */
const AGAIN_MS = 150;

/** Quick to find a process that came back; the default backs off to two minutes. */
export const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3000,
  // A name that leads nowhere any more; the default waits for 30 s.
  'grpc.dns_min_time_between_resolutions_ms': 1000,
};

export function createClientPool<C extends BaseClient>(
  options: ClientPoolOptions<C>,
): ClientPool<C> {
  const { clock, logger } = options;
  const target = `${options.name} at ${options.addresses.join(', ')}`;
  const peers = new Peers({
    ...options,
    channelOptions: CHANNEL_OPTIONS,
    resolve: options.resolve ?? resolveHost,
    onTurn(address, isHung) {
      const turn = isHung ? 'does not answer: calls pass it over' : 'answers again';
      logger?.warn({ address }, `${options.name} ${turn}`);
    },
  });
  const toError = (error: unknown) => asRpcError(error, target);
  const call = async <Response>(
    settings: CallSettings,
    ask: (peer: Peer<C>, ending: Ending<Response>, deadline: number) => () => void,
  ): Promise<Response> => {
    const timeoutMs = settings.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const deadline = clock.now() + timeoutMs;
    const known = peers.known(timeoutMs);
    if (known) await known;
    const how: CallInTurn<C, Response> = {
      peers,
      isIdempotent: settings.isIdempotent ?? false,
      ask: (peer, ending) => ask(peer, ending, deadline),
      toError,
      later: (task) => void clock.after(AGAIN_MS, task),
    };
    return callInTurn(how);
  };
  return {
    target,
    get clients() {
      return peers.all;
    },
    watch: (listener) => peers.watch(listener),
    unary: (method, request, settings = {}) =>
      call(settings, ({ client }, { resolve, reject }, deadline) => {
        const made = method(client).call(
          client,
          request,
          metadataOf(settings),
          { deadline },
          (error, response) => (error ? reject(error) : resolve(response)),
        );
        return () => made.cancel();
      }),
    asking: (method) => {
      const streamOf = questionStreams(method);
      return (request, settings = {}) =>
        call(settings, (peer, ending, deadline) => {
          const nowMs = clock.now();
          const metadata = namesOf(settings);
          return streamOf(peer).ask(
            { request, metadata, timeoutMs: deadline - nowMs, nowMs },
            ending,
          );
        });
    },
    async *stream<Request, Response>(
      method: (client: C) => StreamMethod<Request, Response>,
      request: Request,
      settings: CallSettings = {},
    ) {
      const { made, messages, first } = await call<Begun<Response>>(
        settings,
        ({ client }, ending, deadline) => {
          const made = method(client).call(client, request, metadataOf(settings), { deadline });
          begin(made, ending);
          return () => made.cancel();
        },
      );
      try {
        for (let next = first; !next.done; next = await messages.next()) yield next.value;
      } catch (error) {
        throw toError(error);
      } finally {
        made.cancel();
      }
    },
    [Symbol.dispose]: () => peers[Symbol.dispose](),
  };
}

/** A stream of which a message has come, or its end. */
interface Begun<Response> {
  readonly made: ClientReadableStream<Response>;
  readonly messages: AsyncIterator<Response>;
  readonly first: IteratorResult<Response>;
}

function begin<Response>(
  made: ClientReadableStream<Response>,
  { resolve, reject }: Ending<Begun<Response>>,
): void {
  const messages = (made as AsyncIterable<Response>)[Symbol.asyncIterator]();
  messages.next().then((first) => resolve({ made, messages, first }), reject);
}

/** A stream to each process, opened when it is first asked for. */
function questionStreams<C extends BaseClient, Request, Response>(
  method: (client: C) => QuestionMethod<Request, Response>,
): (peer: Peer<C>) => QuestionStream<Request, Response> {
  const opened = new WeakMap<Peer<C>, QuestionStream<Request, Response>>();
  return (peer) => {
    const existing = opened.get(peer);
    if (existing) return existing;
    const open = method(peer.client).bind(peer.client);
    const stream = new QuestionStream({ open, onHeard: () => peer.heard() });
    opened.set(peer, stream);
    peer.keep(stream);
    return stream;
  };
}

function metadataOf(settings: CallSettings): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(namesOf(settings))) metadata.set(name, value);
  return metadata;
}

function namesOf({ traceparent, headers }: CallSettings): Record<string, string> {
  return traceparent ? { traceparent, ...headers } : { ...headers };
}
