/** One long-lived stream of heartbeats to one presence process, opened again whenever it breaks. */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import {
  type BatchOutcome,
  BeatResult,
  type PresenceServiceClient,
  type ShardFloor,
  type StreamHeartbeatsRequest,
  type StreamHeartbeatsResponse,
} from '../gen/presence/v1/presence_service.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import { backoffMs } from '../lib/retry.ts';
import type { Lease } from './lease.ts';

type HeartbeatCall = ClientDuplexStream<StreamHeartbeatsRequest, StreamHeartbeatsResponse>;

/** Beats of one shard, all of them sent at one moment. */
export interface Batch {
  readonly shard: number;
  readonly leases: readonly Lease[];
  /** The heartbeat sent of each lease, by the gateway's monotonic clock. */
  readonly beatAtMs: readonly number[];
}

export interface HeartbeatStreamOptions {
  readonly address: string;
  readonly client: PresenceServiceClient;
  readonly clock: Clock;
  /** A batch without an outcome for this long breaks the stream. */
  readonly outcomeTimeoutMs: () => number;
  readonly onFloors: (floors: readonly ShardFloor[]) => void;
  /** The stream works, or (a text) does not. */
  readonly onState: (problem: string | undefined) => void;
}

export interface HeartbeatStream extends Disposable {
  /** True from the first message of the process on. */
  isLive(): boolean;
  /** True while an outcome is awaited. */
  isWaiting(): boolean;
  send(batch: Batch): void;
  /** Breaks the stream if the process has not answered in time. */
  checkTimeout(): void;
}

interface InFlight {
  readonly batch: Batch;
  readonly sentAtMs: number;
}

const BACKOFF = { baseMs: 50, maxMs: 1000 };

export function createHeartbeatStream(options: HeartbeatStreamOptions): HeartbeatStream {
  const { client, clock, address } = options;
  const inFlight = new Map<number, InFlight>();
  let call: HeartbeatCall | undefined;
  let isLive = false;
  let lastBatchId = 0;
  let failures = 0;
  let retry: Timer | undefined;

  const open = (): void => {
    const opened = client.streamHeartbeats();
    call = opened;
    opened.on('data', (response: StreamHeartbeatsResponse) => {
      if (call === opened) receive(response);
    });
    opened.on('error', (error) => broken(opened, messageOf(error)));
    opened.on('end', () => broken(opened, 'ended by the server'));
  };

  const receive = ({ outcome, floors }: StreamHeartbeatsResponse): void => {
    if (!isLive) {
      isLive = true;
      failures = 0;
      options.onState(undefined);
    }
    if (floors.length > 0) options.onFloors(floors);
    if (outcome) settle(outcome);
  };

  const settle = (outcome: BatchOutcome): void => {
    const batchId = Number(outcome.batchId);
    const waiting = inFlight.get(batchId);
    if (!waiting) return;
    inFlight.delete(batchId);
    if (outcome.error) forget(waiting.batch);
    else conclude(waiting.batch, outcome);
  };

  const broken = (which: HeartbeatCall, problem: string): void => {
    if (call !== which) return;
    call = undefined;
    isLive = false;
    for (const { batch } of inFlight.values()) forget(batch);
    inFlight.clear();
    options.onState(`${address}: ${problem}`);
    retry = clock.after(backoffMs(failures++, BACKOFF, clock.random()), open);
  };

  open();
  return {
    isLive: () => isLive,
    isWaiting: () => inFlight.size > 0,
    send(batch) {
      const batchId = ++lastBatchId;
      inFlight.set(batchId, { batch, sentAtMs: clock.monotonic() });
      call?.write(requestOf(batchId, batch, clock.monotonic()));
    },
    checkTimeout() {
      const [oldest] = inFlight.values();
      if (!call || !oldest) return;
      const waitedMs = clock.monotonic() - oldest.sentAtMs;
      if (waitedMs < options.outcomeTimeoutMs()) return;
      const silent = call;
      broken(silent, `no answer to heartbeats for ${Math.round(waitedMs)} ms`);
      silent.cancel();
    },
    [Symbol.dispose]() {
      retry?.cancel();
      const last = call;
      call = undefined;
      last?.cancel();
    },
  };
}

function requestOf(batchId: number, batch: Batch, nowMs: number): StreamHeartbeatsRequest {
  const beats = batch.leases.map((lease, i) => ({
    userId: lease.userId,
    sessionId: lease.sessionId,
    ageMs: Math.round(nowMs - (batch.beatAtMs[i] ?? nowMs)),
    epoch: lease.epoch,
  }));
  return { batchId: BigInt(batchId), shard: batch.shard, beats };
}

function forget({ leases }: Batch): void {
  for (const lease of leases) lease.forgetSent();
}

function conclude({ leases, beatAtMs }: Batch, { failed }: BatchOutcome): void {
  const resultOf = new Map(failed.map(({ sessionId, result }) => [sessionId, result]));
  leases.forEach((lease, i) => {
    const result = resultOf.get(lease.sessionId) ?? BeatResult.BEAT_RESULT_OK;
    if (result === BeatResult.BEAT_RESULT_OK) lease.heard(beatAtMs[i] ?? 0);
    else if (lease.isTracked) lease.owner.onRefused(result);
  });
}
