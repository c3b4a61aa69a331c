/** Which worker has which shards, and what waits there: a row a worker, since all of a worker's shards fare alike. */
import { table } from './dom.ts';

/** A registry.v1.Shard in proto3 JSON: what is zero or empty is left out. */
export interface Shard {
  readonly shard?: number;
  readonly ownerWorkerId?: string;
  readonly users?: number;
  readonly outboxLength?: string;
  readonly holdRemaining?: string;
}

const NOBODY = 'nobody: no fanout worker runs';

export function shardsOf(shards: readonly Shard[]): HTMLElement {
  const byOwner = new Map<string, Shard[]>();
  for (const shard of shards) {
    const owner = shard.ownerWorkerId ?? NOBODY;
    byOwner.set(owner, [...(byOwner.get(owner) ?? []), shard]);
  }
  const rows = [...byOwner].sort(([a], [b]) => a.localeCompare(b)).map(rowOf);
  return table('Shards by worker', ['Worker', 'Shards', 'Users', 'Waiting', 'Held'], rows);
}

function rowOf([owner, shards]: [string, readonly Shard[]]): string[] {
  const users = sum(shards.map((shard) => shard.users ?? 0));
  const waiting = sum(shards.map((shard) => Number(shard.outboxLength ?? 0)));
  const held = shards.filter(({ holdRemaining = '0s' }) => holdRemaining !== '0s');
  return [owner, listOf(shards), String(users), String(waiting), listOf(held)];
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/** `4: 0-2, 7` */
function listOf(shards: readonly Shard[]): string {
  if (shards.length === 0) return 'none';
  const runs: { first: number; last: number }[] = [];
  for (const { shard = 0 } of shards) {
    const run = runs.at(-1);
    if (run?.last === shard - 1) run.last = shard;
    else runs.push({ first: shard, last: shard });
  }
  const list = runs.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  return `${shards.length}: ${list.join(', ')}`;
}
