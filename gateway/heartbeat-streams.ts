/** A stream to each presence process; batches go over those that work, in turn. */
import type { PresenceServiceClient, ShardFloor } from '../gen/presence/v1/presence_service.ts';
import type { Clock } from '../lib/clock.ts';
import type { ClientPool } from '../lib/grpc/client.ts';
import { HeartbeatStream, type Batch } from './heartbeat-stream.ts';

export interface HeartbeatStreamsOptions {
  readonly clock: Clock;
  readonly presence: ClientPool<PresenceServiceClient>;
  readonly onFloors: (floors: readonly ShardFloor[]) => void;
  /** Some presence process hears us, or (a text) none does. */
  readonly onState: (problem: string | undefined) => void;
}

export interface HeartbeatStreams extends Disposable {
  isAnyLive(): boolean;
  /** To be called only while one is live. */
  send(batch: Batch): void;
  checkTimeouts(): void;
  /** True while an outcome is awaited. */
  isWaiting(): boolean;
}

/** A process that has not answered a batch for this long is left for another one. */
const MAX_OUTCOME_MS = 3000;

export function createHeartbeatStreams(options: HeartbeatStreamsOptions): HeartbeatStreams {
  const { clock, onFloors } = options;
  const { clients } = options.presence;
  const problems = new Map<string, string>();
  const note = (address: string, problem: string | undefined): void => {
    if (problem === undefined) problems.delete(address);
    else problems.set(address, problem);
    const isDeaf = problems.size === clients.length;
    options.onState(isDeaf ? [...problems.values()].join('; ') : undefined);
  };
  const streams = clients.map(
    ({ address, client }) =>
      new HeartbeatStream({
        address,
        client,
        clock,
        outcomeTimeoutMs: MAX_OUTCOME_MS,
        onFloors,
        onState: (problem) => note(address, problem),
      }),
  );
  let turn = 0;
  return {
    isAnyLive: () => streams.some((stream) => stream.isLive()),
    send(batch) {
      const live = streams.filter((stream) => stream.isLive());
      live[turn++ % live.length]?.send(batch);
    },
    checkTimeouts: () => streams.forEach((stream) => stream.checkTimeout()),
    isWaiting: () => streams.some((stream) => stream.isWaiting()),
    [Symbol.dispose]: () => streams.forEach((stream) => stream[Symbol.dispose]()),
  };
}
