/** A stream to each presence process; batches go over those that work, in turn. */
import type { PresenceServiceClient, ShardFloor } from '../../gen/presence/v1/presence_service.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ClientPool, Peer } from '../../lib/grpc/client.ts';
import { HeartbeatStream, type Batch } from './heartbeat-stream.ts';

export interface HeartbeatStreamsOptions {
  readonly clock: Clock;
  readonly presence: ClientPool<PresenceServiceClient>;
  readonly onFloors: (floors: readonly ShardFloor[]) => void;
  /** Some presence process hears us and could do what it was last asked, or (a text) none does. */
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
  const { presence } = options;
  const streams = new Map<Peer<PresenceServiceClient>, HeartbeatStream>();
  const problems = new Map<HeartbeatStream, string>();
  const isAnyLive = (): boolean => [...streams.values()].some((stream) => stream.isLive());
  const isWell = (stream: HeartbeatStream): boolean => stream.isLive() && !problems.has(stream);
  const tell = (): void => {
    const problem = [...problems.values()].join('; ') || `${presence.target}: no connection`;
    options.onState([...streams.values()].some(isWell) ? undefined : problem);
  };
  const open = (peer: Peer<PresenceServiceClient>): void => {
    const stream: HeartbeatStream = new HeartbeatStream({
      ...options,
      peer,
      outcomeTimeoutMs: MAX_OUTCOME_MS,
      hasOther: () => [...streams.values()].some((other) => other !== stream && other.isLive()),
      onState(problem) {
        if (problem === undefined) problems.delete(stream);
        else problems.set(stream, problem);
        tell();
      },
    });
    streams.set(peer, stream);
  };
  const close = (peer: Peer<PresenceServiceClient>, stream: HeartbeatStream): void => {
    streams.delete(peer);
    problems.delete(stream);
    stream[Symbol.dispose]();
    tell();
  };
  const follow = (): void => {
    const peers = new Set(presence.clients);
    for (const peer of peers) if (!streams.has(peer)) open(peer);
    for (const [peer, stream] of streams) if (!peers.has(peer)) close(peer, stream);
    if (streams.size === 0) tell();
  };
  const watching = presence.watch(follow);
  follow();
  let turn = 0;
  return {
    isAnyLive,
    send(batch) {
      const live = [...streams].filter(([, stream]) => stream.isLive());
      const well = live.filter(([peer]) => !peer.isHung);
      const usable = well.length > 0 ? well : live;
      usable[turn++ % usable.length]?.[1].send(batch);
    },
    checkTimeouts: () => streams.forEach((stream) => stream.checkTimeout()),
    isWaiting: () => [...streams.values()].some((stream) => stream.isWaiting()),
    [Symbol.dispose]() {
      watching[Symbol.dispose]();
      streams.forEach((stream) => stream[Symbol.dispose]());
    },
  };
}
