/** Writes as N-Quads. */
import type { Frozen } from './audience.ts';
import type { EdgeChange, EdgeWrite, Plan } from './edges.ts';
import { pairKey, recordOf } from './pending-records.ts';
import type { Writes } from './dgraph-connection.ts';

/** Predicates of the edges. */
const PREDICATE = {
  FRIEND: 'mesh.friend',
  FOLLOWS: 'mesh.follows',
  BLOCKS: 'mesh.blocks',
  HIDES: 'mesh.hides',
} as const;

/** A node as N-Quads name it: `<0x1>`, or `_:name` for one to be created. */
export type NodeName = string;

export const RECORD_NODE = 'record';

/** A string of JSON is a literal of N-Quads. */
const literal = (text: string): string => JSON.stringify(text);

export const edge = (from: NodeName, kind: keyof typeof PREDICATE, to: NodeName): string =>
  `${from} <${PREDICATE[kind]}> ${to}`;

export const newUser = (node: NodeName, userId: string): string =>
  `${node} <mesh.user_id> ${literal(userId)} .`;

export const setPull = (node: NodeName): string => `${node} <mesh.pull> "true" .`;
export const unsetPull = (node: NodeName): string => `${node} <mesh.pull> * .`;

export function hiding(
  viewer: NodeName,
  subject: NodeName,
  blockId: string,
  frozen?: Frozen,
): string {
  const shown = frozen ? `, version=${frozen.version}, last_active=${frozen.lastActiveMs}` : '';
  return `${edge(viewer, 'HIDES', subject)} (block=${literal(blockId)}${shown}) .`;
}

export interface ChangeNodes {
  readonly nodeOf: (userId: string) => NodeName;
  /** Lines that create those of the two users who are not there yet. */
  readonly created: readonly string[];
}

/** The edges, the mode and the record that the change is still to be announced, for one transaction. */
export function changeWrites(
  change: EdgeChange,
  plan: Plan,
  { nodeOf, created }: ChangeNodes,
  blockId: string,
): Writes {
  const line = ({ kind, from, to, frozen, op }: EdgeWrite): string =>
    kind === 'HIDES' && op === 'SET'
      ? hiding(nodeOf(from), nodeOf(to), blockId, frozen)
      : `${edge(nodeOf(from), kind, nodeOf(to))} .`;
  const lines = (op: EdgeWrite['op']) => plan.writes.filter((write) => write.op === op).map(line);
  const to = nodeOf(change.to);
  const record = JSON.stringify(recordOf(plan, blockId));
  return {
    set: [
      ...created,
      ...lines('SET'),
      ...(plan.pull === true ? [setPull(to)] : []),
      `_:${RECORD_NODE} <mesh.outbox> "true" .`,
      `_:${RECORD_NODE} <mesh.pair> ${literal(pairKey(change.from, change.to))} .`,
      `_:${RECORD_NODE} <mesh.record> ${literal(record)} .`,
    ].join('\n'),
    remove: [...lines('DELETE'), ...(plan.pull === false ? [unsetPull(to)] : [])].join('\n'),
  };
}

export function deleteRecord(recordId: string): string {
  return ['mesh.outbox', 'mesh.pair', 'mesh.record']
    .map((predicate) => `<${recordId}> <${predicate}> * .`)
    .join('\n');
}
