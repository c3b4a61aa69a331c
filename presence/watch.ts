/**
 * WatchPresence: the topic of transitions, with the fences of shards, as a stream that can be resumed from close to where
 * it was left, however quiet those are who are asked for.
 */
import { status } from '@grpc/grpc-js';
import type {
  WatchPresenceRequest,
  WatchPresenceResponse,
} from '../gen/presence/v1/presence_service.ts';
import type { Clock } from '../lib/clock.ts';
import { RpcError } from '../lib/errors.ts';
import type { CallContext } from '../lib/grpc/handlers.ts';
import { requireIdentifiers } from '../lib/identifiers.ts';
import {
  BusError,
  type MessageBus,
  type Offsets,
  type Reader,
  type ReceivedRecord,
} from '../lib/kafka/bus.ts';
import type { Logger } from '../lib/logger.ts';
import type { PresenceStore } from '../store/presence-store.ts';
import { fencesOf, readCursor, writeCursor, type Cursor } from './cursor.ts';
import { Handover } from './handover.ts';
import type { ShardNews, ShardStates } from './shard-states.ts';
import { Silence } from './silence.ts';
import { readTransition } from './transition-record.ts';

const TOPIC = 'presence-transitions';
const MAX_USERS = 1000;

export interface WatchOptions {
  readonly bus: MessageBus | undefined;
  readonly store: Pick<PresenceStore, 'shardOf' | 'shardCount'>;
  readonly shardStates: ShardStates;
  readonly clock: Clock;
  readonly logger: Logger;
}

type News =
  | { readonly kind: 'TRANSITION'; readonly record: ReceivedRecord }
  | { readonly kind: 'FENCED'; readonly shards: readonly ShardNews[] }
  | { readonly kind: 'LONG_SILENT' };

/** Ends with the caller, or with an error when the topic is gone. */
export async function* watchPresence(
  options: WatchOptions,
  request: WatchPresenceRequest,
  { signal }: CallContext,
): AsyncGenerator<WatchPresenceResponse> {
  const { bus, store, shardStates, clock } = options;
  if (!bus) {
    throw new RpcError(
      status.FAILED_PRECONDITION,
      'this presence process was not given Kafka; start it with MESH_KAFKA_BROKERS',
    );
  }
  if (request.userIds.length > 0) requireIdentifiers('user_ids', request.userIds, MAX_USERS);
  const from = request.cursor === '' ? undefined : readCursor(request.cursor);
  const wanted = new Set(request.userIds);
  const handover = new Handover<News>(signal);
  const unsubscribe = shardStates.subscribe(
    (shards) => void handover.give({ kind: 'FENCED', shards }),
  );
  using silence = new Silence(clock, () => void handover.give({ kind: 'LONG_SILENT' }));
  let reader: Reader | undefined;
  try {
    const floors = floorsOf(shardStates, store.shardCount);
    reader = await openReader(bus, from?.offsets ?? 'latest', handover);
    const place = { offsets: new Map(reader.start), floors, fences: fencesOf(floors) };
    yield* begin(place, from, wanted);
    for await (const news of handover) {
      const told = take(place, news, wanted, options);
      if (!told && !silence.step()) continue;
      silence.broken();
      yield told ?? onlyCursor(place);
    }
  } finally {
    unsubscribe();
    handover.end();
    await reader?.[Symbol.asyncDispose]();
  }
}

/** What the stream has told. */
interface Place extends Cursor {
  readonly offsets: Map<number, bigint>;
  readonly floors: Map<number, number>;
  fences: string;
}

/**
 * The stream stands. Then the fences since the cursor: which shards' is not in it, so they are everyone's. Only a cursor
 * from behind them is one with which they are not told again.
 */
function* begin(
  place: Place,
  from: Cursor | undefined,
  wanted: ReadonlySet<string>,
): Generator<WatchPresenceResponse> {
  const { offsets, fences } = place;
  yield onlyCursor({ offsets, fences: from?.fences ?? fences });
  if (!from || from.fences === fences) return;
  yield { ...onlyCursor(place), fence: { userIds: [...wanted] } };
}

function onlyCursor(place: Cursor): WatchPresenceResponse {
  return { transition: undefined, fence: undefined, cursor: writeCursor(place) };
}

/** What to tell of news; undefined when it is of nobody who is asked for, or no transition: only the place has moved. */
function take(
  place: Place,
  news: News,
  wanted: ReadonlySet<string>,
  { store: { shardOf }, logger }: WatchOptions,
): WatchPresenceResponse | undefined {
  if (news.kind === 'TRANSITION') {
    const { partition, offset } = news.record;
    place.offsets.set(partition, BigInt(offset) + 1n);
    const transition = readTransition(news.record, logger);
    if (!transition || (wanted.size > 0 && !wanted.has(transition.userId))) return undefined;
    return { ...onlyCursor(place), transition };
  }
  if (news.kind === 'LONG_SILENT') return onlyCursor(place);
  for (const { shard, floor } of news.shards) place.floors.set(shard, floor);
  place.fences = fencesOf(place.floors);
  const fenced = new Set(news.shards.map(({ shard }) => shard));
  const concerned = [...wanted].filter((userId) => fenced.has(shardOf(userId)));
  if (wanted.size > 0 && concerned.length === 0) return undefined;
  return { ...onlyCursor(place), fence: { userIds: concerned } };
}

/** @throws RpcError UNAVAILABLE until every shard has been seen: a fence could not be told from a first look. */
function floorsOf(shardStates: ShardStates, shardCount: number): Map<number, number> {
  const floors = new Map(shardStates.all().map(({ shard, floor }) => [shard, floor]));
  if (floors.size === shardCount) return floors;
  throw new RpcError(status.UNAVAILABLE, 'this presence process has not heard from Redis yet');
}

async function openReader(
  bus: MessageBus,
  from: 'latest' | Offsets,
  handover: Handover<News>,
): Promise<Reader> {
  try {
    return await bus.read(TOPIC, {
      from,
      onRecord: (record) => handover.give({ kind: 'TRANSITION', record }),
      onCrash: (error) => handover.fail(new RpcError(status.UNAVAILABLE, error.message)),
    });
  } catch (error) {
    if (!(error instanceof BusError) || error.code !== 'OUT_OF_RANGE') throw error;
    const mend = 'look the users up and begin without a cursor';
    throw new RpcError(status.OUT_OF_RANGE, `cursor: ${error.message}; ${mend}`, { cause: error });
  }
}
