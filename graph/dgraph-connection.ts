/**
 * One Dgraph as its client sees it: reads, transactions that are tried again when they conflict, errors in words.
 *
 * Requests go to dgraph-js's stub and not through its Txn: that one turns every request and response into JSON for a
 * debug log nobody reads, which costs more than the read itself.
 */
import dgraph from 'dgraph-js';
import type { Clock } from '../lib/clock.ts';
import { isUnavailable, messageOf } from '../lib/errors.ts';
import { CHANNEL_OPTIONS } from '../lib/grpc/client.ts';
import { retry } from '../lib/retry.ts';
import { startOrSet } from '../lib/unreachable.ts';

const { DgraphClientStub, Mutation, Operation, Request, TxnContext, grpc } = dgraph;
type Response = Awaited<ReturnType<InstanceType<typeof DgraphClientStub>['query']>>;

export interface Reply<T> {
  readonly json: T;
  /** The commit timestamp up to which was read. */
  readonly readTs: number;
}

interface Committed {
  readonly commitTs: number;
  /** Of blank nodes, without `_:`. */
  readonly uids: ReadonlyMap<string, string>;
}

/** N-Quads, one a line; the empty string for none. */
export interface Writes {
  readonly set: string;
  readonly remove: string;
}

export interface Transaction {
  query<T>(query: string): Promise<Reply<T>>;
  /** Writes without committing yet. */
  write(writes: Writes): Promise<Committed>;
  /** Writes and commits: the last call. A transaction that does not call it changes nothing. */
  commit(writes: Writes): Promise<Committed>;
}

/** What this alpha has at once, which may be a second old, or everything committed before now. */
export type ReadMode = 'BEST_EFFORT' | 'STRICT';

export interface DgraphConnection extends Disposable {
  read<T>(query: string, mode: ReadMode): Promise<Reply<T>>;
  /** Runs `work` again, from its start, as long as others write the same. */
  transact<T>(work: (transaction: Transaction) => Promise<T>, timeoutMs?: number): Promise<T>;
  alter(schema: string): Promise<void>;
}

export interface DgraphConnectionOptions {
  /** host:port of an alpha's gRPC. */
  readonly address: string;
  readonly clock: Clock;
}

/** Dgraph does not answer. Its message says where it should be and how to start it. */
class DgraphUnavailable extends Error {
  override readonly name = 'DgraphUnavailable';
  readonly code = 'UNAVAILABLE';
}

const READ_TIMEOUT_MS = 5000;
const WRITE_TIMEOUT_MS = 10_000;
const ALTER_TIMEOUT_MS = 60_000;
const MAX_ATTEMPTS = 30;
const CONFLICT_BACKOFF = { baseMs: 2, maxMs: 200 };

export function createDgraphConnection(options: DgraphConnectionOptions): DgraphConnection {
  const { address, clock } = options;
  const stub = new DgraphClientStub(address, undefined, {
    ...CHANNEL_OPTIONS,
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  });
  const within = (timeoutMs: number) => ({ deadline: clock.now() + timeoutMs });
  const call = async <T>(request: () => Promise<T>): Promise<T> => {
    try {
      return await request();
    } catch (error) {
      throw inWords(error, address);
    }
  };
  const send = (request: InstanceType<typeof Request>, timeoutMs: number): Promise<Response> =>
    call(() => stub.query(request, undefined, within(timeoutMs)));
  return {
    async read<T>(query: string, mode: ReadMode) {
      const request = new Request();
      request.setQuery(query);
      request.setReadOnly(true);
      request.setBestEffort(mode === 'BEST_EFFORT');
      return replyOf<T>(await send(request, READ_TIMEOUT_MS));
    },
    async transact(work, timeoutMs = WRITE_TIMEOUT_MS) {
      const abort = (context: InstanceType<typeof TxnContext>) =>
        stub.commitOrAbort(context, undefined, within(WRITE_TIMEOUT_MS));
      const attempt = async () => {
        const open = openTransaction((request) => send(request, timeoutMs), abort);
        try {
          return await work(open.transaction);
        } finally {
          await open.discard();
        }
      };
      return retry(attempt, { clock, backoff: CONFLICT_BACKOFF, onFailure: unlessConflict });
    },
    async alter(schema) {
      const operation = new Operation();
      operation.setSchema(schema);
      await call(() => stub.alter(operation, undefined, within(ALTER_TIMEOUT_MS)));
    },
    [Symbol.dispose]: () => stub.close(),
  };
}

function replyOf<T>(response: Response): Reply<T> {
  const json: unknown = JSON.parse(Buffer.from(response.getJson_asU8()).toString());
  return { json: json as T, readTs: response.getTxn()?.getStartTs() ?? 0 };
}

/** Aborted by another one that wrote the same; everything else is thrown on. */
function unlessConflict(error: unknown, attempt: number): void {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  const isConflict = code === grpc.status.ABORTED || code === grpc.status.FAILED_PRECONDITION;
  if (!isConflict || attempt + 1 >= MAX_ATTEMPTS) throw error;
}

function openTransaction(
  send: (request: InstanceType<typeof Request>) => Promise<Response>,
  abort: (context: InstanceType<typeof TxnContext>) => Promise<unknown>,
): { transaction: Transaction; discard: () => Promise<void> } {
  const context = new TxnContext();
  let isOpen = false;
  const request = async (fill: (request: InstanceType<typeof Request>) => void) => {
    const message = new Request();
    message.setStartTs(context.getStartTs());
    message.setHash(context.getHash());
    fill(message);
    const response = await send(message);
    context.setStartTs(response.getTxn()?.getStartTs() ?? 0);
    context.setHash(response.getTxn()?.getHash() ?? '');
    return response;
  };
  const mutate = async ({ set, remove }: Writes, commitNow: boolean): Promise<Committed> => {
    isOpen = true;
    const response = await request((message) => {
      const mutation = new Mutation();
      mutation.setSetNquads(Buffer.from(set));
      mutation.setDelNquads(Buffer.from(remove));
      message.setMutationsList([mutation]);
      message.setCommitNow(commitNow);
    });
    isOpen = !commitNow;
    return {
      commitTs: response.getTxn()?.getCommitTs() ?? 0,
      uids: new Map(response.toObject().uidsMap),
    };
  };
  return {
    transaction: {
      query: async <T>(query: string) =>
        replyOf<T>(await request((message) => message.setQuery(query))),
      write: (writes) => mutate(writes, false),
      commit: (writes) => mutate(writes, true),
    },
    async discard() {
      if (!isOpen || context.getStartTs() === 0) return;
      context.setAborted(true);
      await abort(context).catch(() => undefined);
    },
  };
}

/** What Dgraph says while it starts, stops or has lost its zero; it gives these no code of their own. */
const NOT_SERVING =
  /not ready|no connection|unhealthy|no leader|connection error|is shutting down/i;

function inWords(error: unknown, address: string): unknown {
  const isDeadline =
    error instanceof Error && 'code' in error && error.code === grpc.status.DEADLINE_EXCEEDED;
  if (!isUnavailable(error) && !isDeadline && !NOT_SERVING.test(messageOf(error))) return error;
  return new DgraphUnavailable(
    `Dgraph at ${address} does not answer (${messageOf(error)}). ${startOrSet('MESH_DGRAPH_URL')}`,
    { cause: error },
  );
}
