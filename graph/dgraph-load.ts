/** Loading many edges in one transaction. */
import { isPull, type PushLimits } from './audience.ts';
import type { DgraphConnection, Transaction } from './dgraph-connection.ts';
import { edge, newUser, setPull, type NodeName } from './dgraph-mutations.ts';
import {
  followerCountsQuery,
  uidsQuery,
  type FollowerCountsAnswer,
  type UidsAnswer,
} from './dgraph-queries.ts';
import type { LoadEdge } from './graph-store.ts';

/**
 * Beside other work on two cores, 200,000 edges between 60,000 users took 14 s. A transaction's writes to one list cost
 * the square of their number: 200,000 followers of one user took 44 s.
 */
const LOAD_TIMEOUT_MS = 600_000;
const IDS_A_QUERY = 5000;

export interface LoadOptions {
  readonly limits: PushLimits;
  /** Any value it did not have before: tells other processes that edges were loaded. */
  readonly mark: string;
}

export function loadEdges(
  connection: DgraphConnection,
  edges: readonly LoadEdge[],
  options: LoadOptions,
): Promise<number> {
  const work = async (transaction: Transaction): Promise<number> => {
    const nodes = await nodesOf(transaction, edges);
    const set = [...nodes.created, ...edges.map((one) => edgeLines(one, nodes.nodeOf))].join('\n');
    const { uids } = await transaction.write({ set, remove: '' });
    const uidOf = (userId: string): string => {
      const node = nodes.nodeOf(userId);
      return node.startsWith('_:') ? (uids.get(node.slice(2)) ?? '') : node.slice(1, -1);
    };
    const followed = edges.filter(({ kind }) => kind === 'FOLLOWS').map(({ to }) => uidOf(to));
    const pulls = await newPulls(transaction, [...new Set(followed)], options.limits);
    const mark = `${await markNode(transaction)} <mesh.loads> ${JSON.stringify(options.mark)} .`;
    const committed = await transaction.commit({
      set: [...pulls, mark].join('\n'),
      remove: '',
    });
    return committed.commitTs;
  };
  return connection.transact(work, LOAD_TIMEOUT_MS);
}

interface Nodes {
  readonly nodeOf: (userId: string) => NodeName;
  readonly created: readonly string[];
}

async function nodesOf(transaction: Transaction, edges: readonly LoadEdge[]): Promise<Nodes> {
  const userIds = [...new Set(edges.flatMap(({ from, to }) => [from, to]))];
  const nodes = new Map<string, NodeName>();
  for (const ids of chunks(userIds, IDS_A_QUERY)) {
    const { json } = await transaction.query<UidsAnswer>(uidsQuery(ids));
    for (const { id, uid } of json.users) nodes.set(id, `<${uid}>`);
  }
  const missing = userIds.filter((userId) => !nodes.has(userId));
  missing.forEach((userId, index) => nodes.set(userId, `_:u${index}`));
  const nodeOf = (userId: string): NodeName => nodes.get(userId) ?? '';
  return { nodeOf, created: missing.map((userId) => newUser(nodeOf(userId), userId)) };
}

function edgeLines({ kind, from, to }: LoadEdge, nodeOf: (userId: string) => NodeName): string {
  const there = `${edge(nodeOf(from), kind, nodeOf(to))} .`;
  return kind === 'FOLLOWS' ? there : `${there}\n${edge(nodeOf(to), kind, nodeOf(from))} .`;
}

/** Lines for those who have too many followers now, and had not before. */
async function newPulls(
  transaction: Transaction,
  uids: readonly string[],
  limits: PushLimits,
): Promise<string[]> {
  const lines: string[] = [];
  for (const some of chunks(uids, IDS_A_QUERY)) {
    const { json } = await transaction.query<FollowerCountsAnswer>(followerCountsQuery(some));
    for (const { uid, followers = 0 } of json.users) {
      if (isPull(false, followers, limits)) lines.push(setPull(`<${uid}>`));
    }
  }
  return lines;
}

async function markNode(transaction: Transaction): Promise<NodeName> {
  const { json } = await transaction.query<{ marks: readonly { uid: string }[] }>(
    '{ marks(func: has(mesh.loads), first: 1) { uid } }',
  );
  return json.marks[0] ? `<${json.marks[0].uid}>` : '_:mark';
}

function* chunks<T>(items: readonly T[], size: number): Iterable<readonly T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size);
}
