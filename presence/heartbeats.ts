/** One heartbeat stream of one gateway: batches in, outcomes and news of shards out. */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type {
  BatchOutcome,
  StreamHeartbeatsRequest,
  StreamHeartbeatsResponse,
} from '../gen/presence/v1/presence_service.ts';
import { toDuration } from '../lib/durations.ts';
import { invalidArgument, isUnavailable, messageOf } from '../lib/errors.ts';
import { answerEach } from '../lib/grpc/answers.ts';
import { stoodStill, type Standstill } from '../lib/grpc/standstill.ts';
import type { Logger } from '../lib/logger.ts';
import type { PresenceStore } from '../store/presence-store.ts';
import { MAX_BATCH } from './limits.ts';
import type { ShardNews, ShardStates } from './shard-states.ts';
import { toBeatResult } from './wire.ts';

type HeartbeatCall = ServerDuplexStream<StreamHeartbeatsRequest, StreamHeartbeatsResponse>;

export interface HeartbeatOptions {
  readonly store: PresenceStore;
  readonly shardStates: ShardStates;
  /** Beats that waited while this process stood still are older than they say. */
  readonly standstill: Standstill;
  readonly logger: Logger;
  /** Aborts when the process stops: gateways are to beat through another one at once. */
  readonly stopping: AbortSignal;
}

export function serveHeartbeats(call: HeartbeatCall, options: HeartbeatOptions): void {
  const sendFloors = (news: readonly ShardNews[]): void => {
    call.write({ outcome: undefined, floors: news.map(toFloor) });
  };
  const unsubscribe = options.shardStates.subscribe(sendFloors);
  sendFloors(options.shardStates.all());
  for (const ending of ['close', 'cancelled', 'error']) call.on(ending, unsubscribe);
  answerEach(call, options, async (request: StreamHeartbeatsRequest) => {
    return { outcome: await beat(options, request), floors: [] };
  });
}

function toFloor({ shard, floor, holdMs }: ShardNews) {
  return { shard, floor: BigInt(floor), holdRemaining: toDuration(holdMs) };
}

async function beat(
  { store, standstill }: HeartbeatOptions,
  { batchId, shard, beats }: StreamHeartbeatsRequest,
): Promise<BatchOutcome> {
  if (shard >= store.shardCount) {
    throw invalidArgument(
      'shard',
      `${shard} is not below ${store.shardCount}; take it from RegisterSession`,
    );
  }
  if (beats.length === 0 || beats.length > MAX_BATCH) {
    throw invalidArgument('beats', `has ${beats.length}; give 1 to ${MAX_BATCH}`);
  }
  if (standstill.catchingUp()) return { batchId, failed: [], error: stoodStill().message };
  try {
    const { outcomes } = await store.beat(shard, beats);
    const failed = beats.flatMap(({ sessionId }, index) => {
      const outcome = outcomes[index] ?? 'UNKNOWN';
      return outcome === 'OK' ? [] : [{ sessionId, result: toBeatResult(outcome) }];
    });
    return { batchId, failed, error: '' };
  } catch (error) {
    // The stream outlives Redis: the gateway sends the batch again.
    if (isUnavailable(error)) return { batchId, failed: [], error: messageOf(error) };
    throw error;
  }
}
