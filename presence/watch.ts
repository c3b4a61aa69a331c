/** WatchPresence: the topic of transitions, as a stream that can be resumed. */
import { status } from '@grpc/grpc-js';
import type {
  WatchPresenceRequest,
  WatchPresenceResponse,
} from '../gen/presence/v1/presence_service.ts';
import { Transition } from '../gen/presence/v1/transition.ts';
import { RpcError } from '../lib/errors.ts';
import type { CallContext } from '../lib/grpc/handlers.ts';
import { requireIdentifiers } from '../lib/identifiers.ts';
import { BusError, type MessageBus, type ReceivedRecord } from '../lib/kafka/bus.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { Handover } from './handover.ts';

const TOPIC = 'presence-transitions';
const MAX_USERS = 1000;

/** Ends with the caller, or with an error when the topic is gone. */
export async function* watchPresence(
  bus: MessageBus | undefined,
  request: WatchPresenceRequest,
  { signal }: CallContext,
): AsyncGenerator<WatchPresenceResponse> {
  if (!bus) {
    throw new RpcError(
      status.FAILED_PRECONDITION,
      'this presence process was not given Kafka; start it with MESH_KAFKA_BROKERS',
    );
  }
  if (request.userIds.length > 0) requireIdentifiers('user_ids', request.userIds, MAX_USERS);
  const wanted = new Set(request.userIds);
  const from = request.cursor === '' ? 'latest' : readCursor(request.cursor);
  const handover = new Handover<ReceivedRecord>(signal);
  const reader = await openReader(bus, from, handover);
  try {
    const at = new Map(reader.start);
    yield { transition: undefined, cursor: writeCursor(at) };
    for await (const record of handover) {
      at.set(record.partition, BigInt(record.offset) + 1n);
      const transition = Transition.decode(record.value);
      if (wanted.size > 0 && !wanted.has(transition.userId)) continue;
      yield { transition, cursor: writeCursor(at) };
    }
  } finally {
    handover.end();
    await reader[Symbol.asyncDispose]();
  }
}

async function openReader(
  bus: MessageBus,
  from: Parameters<MessageBus['read']>[1]['from'],
  handover: Handover<ReceivedRecord>,
) {
  try {
    return await bus.read(TOPIC, {
      from,
      onRecord: (record) => handover.give(record),
      onCrash: (error) => handover.fail(new RpcError(status.UNAVAILABLE, error.message)),
    });
  } catch (error) {
    if (!(error instanceof BusError) || error.code !== 'OUT_OF_RANGE') throw error;
    const mend = 'look the users up and begin without a cursor';
    throw new RpcError(status.OUT_OF_RANGE, `cursor: ${error.message}; ${mend}`, { cause: error });
  }
}
