/** One long-lived stream of heartbeats to one presence process, opened again whenever it breaks. */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import {
  BeatResult,
  type BatchOutcome,
  type PresenceServiceClient,
  type ShardFloor,
  type StreamHeartbeatsRequest,
  type StreamHeartbeatsResponse,
} from '../../gen/presence/v1/presence_service.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import type { Peer } from '../../lib/grpc/client.ts';
import { backoffMs } from '../../lib/retry.ts';
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
  readonly peer: Peer<PresenceServiceClient>;
  readonly clock: Clock;
  /** A batch without an outcome for this long breaks the stream, ms. */
  readonly outcomeTimeoutMs: number;
  /** Whether another stream works, over which batches can go that a process that hangs was sent. */
  readonly hasOther: () => boolean;
  readonly onFloors: (floors: readonly ShardFloor[]) => void;
  /** The stream works, or (a text) does not; told with each outcome. */
  readonly onState: (problem: string | undefined) => void;
}

interface InFlight {
  readonly batch: Batch;
  readonly sentAtMs: number;
  readonly onHung: () => void;
}

const BACKOFF = { baseMs: 50, maxMs: 1000 };

export class HeartbeatStream implements Disposable {
  readonly #options: HeartbeatStreamOptions;
  readonly #inFlight = new Map<number, InFlight>();
  #call: HeartbeatCall | undefined;
  #isLive = false;
  #lastBatchId = 0;
  #failures = 0;
  #retry: Timer | undefined;

  constructor(options: HeartbeatStreamOptions) {
    this.#options = options;
    this.#open();
  }

  /** True from the first message of the process on. */
  isLive(): boolean {
    return this.#isLive;
  }

  /** True while an outcome is awaited. */
  isWaiting(): boolean {
    return this.#inFlight.size > 0;
  }

  send(batch: Batch): void {
    const batchId = ++this.#lastBatchId;
    const sentAtMs = this.#options.clock.monotonic();
    const inFlight = { batch, sentAtMs, onHung: () => this.#leave() };
    this.#inFlight.set(batchId, inFlight);
    this.#options.peer.begin(inFlight);
    this.#call?.write(requestOf(batchId, batch, sentAtMs));
  }

  /** Breaks the stream if the process has not answered in time. */
  checkTimeout(): void {
    const [oldest] = this.#inFlight.values();
    const call = this.#call;
    if (!call || !oldest) return;
    const waitedMs = this.#options.clock.monotonic() - oldest.sentAtMs;
    if (waitedMs < this.#options.outcomeTimeoutMs) return;
    this.#giveUp(call, `no answer to heartbeats for ${Math.round(waitedMs)} ms`);
  }

  [Symbol.dispose](): void {
    const call = this.#call;
    this.#call = undefined;
    this.#forgetAll();
    call?.cancel();
    this.#retry?.cancel();
  }

  /** The process hangs: what it was sent is to be sent to another one, if there is one. */
  #leave(): void {
    if (this.#call && this.#options.hasOther()) this.#giveUp(this.#call, 'it hangs');
  }

  #giveUp(call: HeartbeatCall, problem: string): void {
    this.#broken(call, problem);
    call.cancel();
  }

  #open(): void {
    const call = this.#options.peer.client.streamHeartbeats();
    this.#call = call;
    call.on('data', (response: StreamHeartbeatsResponse) => {
      if (this.#call === call) this.#receive(response);
    });
    call.on('error', (error) => this.#broken(call, messageOf(error)));
    call.on('end', () => this.#broken(call, 'ended by the server'));
  }

  #receive({ outcome, floors }: StreamHeartbeatsResponse): void {
    this.#options.peer.heard();
    if (!this.#isLive) {
      this.#isLive = true;
      this.#failures = 0;
      this.#options.onState(undefined);
    }
    if (floors.length > 0) this.#options.onFloors(floors);
    if (outcome) this.#settle(outcome);
  }

  #settle(outcome: BatchOutcome): void {
    const batchId = Number(outcome.batchId);
    const waiting = this.#inFlight.get(batchId);
    if (!waiting) return;
    this.#inFlight.delete(batchId);
    const { peer, onState } = this.#options;
    peer.end(waiting);
    if (outcome.error) forget(waiting.batch);
    else conclude(waiting.batch, outcome);
    // It answers, but may not be able to do anything: its store takes no changes, say.
    onState(outcome.error ? `${peer.address}: ${outcome.error}` : undefined);
  }

  #broken(call: HeartbeatCall, problem: string): void {
    if (this.#call !== call) return;
    const { clock, peer, onState } = this.#options;
    this.#call = undefined;
    this.#forgetAll();
    onState(`${peer.address}: ${problem}`);
    const delayMs = backoffMs(this.#failures++, BACKOFF, clock.random());
    this.#retry = clock.after(delayMs, () => this.#open());
  }

  #forgetAll(): void {
    this.#isLive = false;
    for (const waiting of this.#inFlight.values()) {
      this.#options.peer.end(waiting);
      forget(waiting.batch);
    }
    this.#inFlight.clear();
  }
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
