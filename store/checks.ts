/** Arguments that would be a mistake of the caller, refused alike by every adapter before anything is written. */
import type { Change } from './presence-store.ts';

export const MAX_BATCH = 1_000;

const GATEWAY_ID = /^[A-Za-z0-9_.:-]{1,128}$/;
const TRACE = /^[0-9a-f-]{0,64}$/;

export function checkShard(shard: number, shardCount: number): void {
  if (Number.isInteger(shard) && shard >= 0 && shard < shardCount) return;
  throw new RangeError(`shard ${shard} is not one of 0 to ${shardCount - 1}`);
}

export function checkBatch(name: string, batch: readonly unknown[]): void {
  if (batch.length <= MAX_BATCH) return;
  throw new RangeError(`${name}: ${batch.length} given, at most ${MAX_BATCH} go in one call`);
}

/** What ends up between separators in a session's record must not contain one. */
export function checkChange(change: Change): void {
  if (!TRACE.test(change.trace)) {
    throw new RangeError(`trace "${change.trace}" is not a W3C traceparent`);
  }
  if (change.kind === 'open') checkGatewayId(change.gatewayId);
  if (change.kind === 'announce') checkRevision(change.graphRevision);
  if ('epoch' in change && !(Number.isSafeInteger(change.epoch) && change.epoch >= 0)) {
    throw new RangeError(`epoch ${change.epoch} is not a whole number from 0`);
  }
}

function checkGatewayId(gatewayId: string): void {
  if (GATEWAY_ID.test(gatewayId)) return;
  throw new RangeError(`gatewayId "${gatewayId}" is not 1 to 128 of A-Z a-z 0-9 _ . : -`);
}

function checkRevision(graphRevision: string): void {
  if (/^(0|[1-9]\d{0,19})$/.test(graphRevision)) return;
  throw new RangeError(`graphRevision "${graphRevision}" is not a decimal uint64`);
}
