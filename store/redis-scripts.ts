/** The scripts and what they reply; what they take stands in the header of each. */
import { readScript, type Script } from '../lib/redis/scripts.ts';
import type { AskOutcome } from './notification-store.ts';
import type { ChosenStatus, VisibleStatus } from './status.ts';
import { LOG_LENGTH, LOOK_THROUGH, MAX_SESSIONS, timing } from './timing.ts';

export type ShardRaw = [floor: number, holdMs: number];
export type StreamEntryRaw = [id: string, fields: string[]];

export type BeatRaw = [...ShardRaw, outcomes: string];
export type ChangeRaw = [
  floor: number,
  holdMs: number,
  status: VisibleStatus,
  version: number,
  lastActiveMs: number,
  chosen: ChosenStatus | '',
  revision: string,
  sessionAlive: number,
  problem: string,
];
export type SweepRaw =
  | [owned: 0, nowMs: number]
  | [
      owned: 1,
      nowMs: number,
      floor: number,
      holdMs: number,
      due: string[],
      nextDueMs: number,
      outbox: StreamEntryRaw[],
      outboxLength: number,
      isAhead: number,
    ];
export type LookupRaw = [...ShardRaw, forgottenBelow: number, ...(string | number)[]];
export type InspectShardRaw = [
  ...ShardRaw,
  owner: string,
  ownerLeftMs: number,
  users: number,
  outboxLength: number,
];
export type AwaitingRaw = [cursor: string, requests: string[]];
export type AskedRaw = [nowMs: number, members: string[]];
export type InspectRaw = [
  ...ShardRaw,
  nowMs: number,
  outboxLength: number,
  isWaiting: number,
  state: string[],
];
export type LeasesRaw = [nowMs: number, leases: string[]];

/** @param holdMs how long a fence holds. */
export function readScripts(holdMs: number) {
  const directory = new URL('./lua/', import.meta.url);
  const constants = {
    FENCE_MARGIN_MS: timing.fenceMarginMs,
    HOLD_MS: holdMs,
    CLOCK_STEP_MS: timing.clockStepMs,
    STALE_DEADLINE_MS: timing.staleDeadlineMs,
    LEFT_OUT_MS: timing.leftOutMs,
    FORGET_MS: timing.forgetMs,
    LOG_LENGTH,
    LOOK_THROUGH,
    MAX_SESSIONS,
  };
  const read = <Reply>(name: string, ...preludes: string[]): Script<Reply> =>
    readScript<Reply>(directory, name, { preludes, constants });
  return {
    beat: read<BeatRaw>('beat', 'common'),
    change: read<ChangeRaw | 'FULL'>('change', 'common', 'user'),
    sweep: read<SweepRaw>('sweep', 'common'),
    look: read<string[]>('look', 'common', 'user'),
    lookup: read<LookupRaw>('lookup', 'common'),
    ack: read<number>('ack'),
    fence: read<ShardRaw>('fence', 'common'),
    inspect: read<InspectRaw>('inspect', 'common'),
    inspectShard: read<InspectShardRaw>('inspect-shard', 'common'),
    keepLease: read<number>('keep-lease', 'common'),
    listLeases: read<LeasesRaw>('list-leases', 'common'),
    ask: read<Exclude<AskOutcome, 'VIEWER_FULL'>>('ask', 'common'),
    awaiting: read<AwaitingRaw>('awaiting', 'common'),
    claim: read<string[]>('claim'),
    noteAsked: read<number>('note-asked', 'common'),
    listAsked: read<AskedRaw>('list-asked', 'common'),
    mayPush: read<number>('may-push'),
  };
}
