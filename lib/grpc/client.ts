/** Clients of one service on several addresses: calls go round them, and past the ones that do not answer. */
import { isIP } from 'node:net';
import {
  credentials,
  Metadata,
  status,
  type CallOptions,
  type ChannelOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import type { Clock } from '../clock.ts';
import { RpcError } from '../errors.ts';
import { QuestionStream, type QuestionCall } from './question-stream.ts';

interface BaseClient {
  close(): void;
}

export type ClientConstructor<C extends BaseClient> = new (
  address: string,
  creds: ReturnType<typeof credentials.createInsecure>,
  options?: ChannelOptions,
) => C;

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
}

export type Ask<Request, Response> = (
  request: Request,
  settings?: CallSettings,
) => Promise<Response>;

export interface ClientPool<C> extends Disposable {
  /** What is called, for error messages: name and addresses. */
  readonly target: string;
  readonly clients: readonly { readonly address: string; readonly client: C }[];
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
  /** Reads a stream to its end from one process. A stream that broke is not resumed. Rejects with RpcError. */
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
  /** host:port of each process; or a name that stands for several, such as a headless service in Kubernetes. */
  readonly addresses: readonly string[];
  readonly clock: Clock;
}

const DEFAULT_TIMEOUT_MS = 2000;

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

/**
 * Calls go round the processes that a name stands for. For one process it would be worse: after its end it is tried
 * again at intervals, and fails meanwhile, where by default the next call tries at once.
 */
const NAME_OPTIONS: ChannelOptions = {
  ...CHANNEL_OPTIONS,
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  'grpc.service_config_disable_resolution': 1,
};

/** Whether an address may stand for several processes: it is not host:port with the host's own number. */
function isName(address: string): boolean {
  const host = address.replace(/:\d+$/, '');
  return isIP(host.replace(/^\[|\]$/g, '')) === 0;
}

export function createClientPool<C extends BaseClient>(
  options: ClientPoolOptions<C>,
): ClientPool<C> {
  const clients = options.addresses.map((address) => ({
    address,
    client: new options.service(
      address,
      credentials.createInsecure(),
      isName(address) ? NAME_OPTIONS : CHANNEL_OPTIONS,
    ),
  }));
  const target = `${options.name} at ${options.addresses.join(', ')}`;
  const [only = '', ...others] = options.addresses;
  const isOneName = others.length === 0 && isName(only);
  let turn = 0;
  const inTurn = (): readonly C[] => {
    const first = turn++ % clients.length;
    const all = [...clients.slice(first), ...clients.slice(0, first)].map(({ client }) => client);
    // The second try goes to another process of the name.
    return isOneName ? [...all, ...all] : all;
  };
  const oneAfterTheOther = async <Response>(
    settings: CallSettings,
    call: (client: C, deadline: number) => Promise<Response>,
  ): Promise<Response> => {
    const deadline = options.clock.now() + (settings.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    let failure: RpcError | undefined;
    for (const client of inTurn()) {
      try {
        return await call(client, deadline);
      } catch (error) {
        failure = asRpcError(error, target);
        if (failure.code !== status.UNAVAILABLE) throw failure;
      }
    }
    throw failure ?? new RpcError(status.UNAVAILABLE, `${target}: no address is set`);
  };
  const streams: Disposable[] = [];
  return {
    target,
    clients,
    unary: (method, request, settings = {}) =>
      oneAfterTheOther(settings, (client, deadline) =>
        once(client, method(client), request, metadataOf(settings), deadline),
      ),
    asking: (method) => {
      const streamOf = perClient((client: C) => {
        const open = method(client).bind(client);
        const stream = new QuestionStream({ open, clock: options.clock });
        streams.push(stream);
        return stream;
      });
      return (request, settings = {}) =>
        oneAfterTheOther(settings, (client, deadline) =>
          streamOf(client).ask(request, namesOf(settings), deadline - options.clock.now()),
        );
    },
    async *stream(method, request, settings = {}) {
      const [client] = inTurn();
      if (!client) throw new RpcError(status.UNAVAILABLE, `${target}: no address is set`);
      const deadline = options.clock.now() + (settings.timeoutMs ?? DEFAULT_TIMEOUT_MS);
      const call = method(client).call(client, request, metadataOf(settings), { deadline });
      try {
        yield* messagesOf(call);
      } catch (error) {
        throw asRpcError(error, target);
      } finally {
        call.cancel();
      }
    },
    [Symbol.dispose]() {
      streams.forEach((stream) => stream[Symbol.dispose]());
      for (const { client } of clients) client.close();
    },
  };
}

function messagesOf<Response>(call: ClientReadableStream<Response>): AsyncIterable<Response> {
  return call;
}

function once<Request, Response>(
  client: BaseClient,
  method: UnaryMethod<Request, Response>,
  request: Request,
  metadata: Metadata,
  deadline: number,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    method.call(client, request, metadata, { deadline }, (error, response) =>
      error ? reject(error) : resolve(response),
    );
  });
}

/** Makes one of each client, when it is first asked for. */
function perClient<C, T>(create: (client: C) => T): (client: C) => T {
  const made = new Map<C, T>();
  return (client) => {
    const one = made.get(client) ?? create(client);
    made.set(client, one);
    return one;
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

/** What the service said, or that it does not answer and where it was looked for. */
function asRpcError(error: unknown, target: string): RpcError {
  if (error instanceof RpcError) return error;
  const { code, details } = error as Partial<ServiceError>;
  if (code === undefined) return new RpcError(status.UNKNOWN, `${target}: ${String(error)}`);
  const words = isOwnWords(code) ? `${target}: ${plain(details ?? '')}` : (details ?? '');
  return new RpcError(code, words, { cause: error });
}

/** What grpc-js says of a connection that failed, without its wrapping. */
function plain(details: string): string {
  return details
    .replace(/^(round_robin: )?(No connection established\. Last error: )*(Error: )?/, '')
    .replace(/\.? Resolution note: ?$/, '');
}

const isOwnWords = (code: status): boolean =>
  code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED;
