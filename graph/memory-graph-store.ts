/** GraphStore in this process: for one machine, tests and the simulator. Gone when the process is. */
import type { Clock } from '../lib/clock.ts';
import {
  isPull,
  pushLimits,
  type Frozen,
  type Hidden,
  type PushLimits,
  type UserNode,
  type View,
} from './audience.ts';
import { planChange, type EdgeChange, type EdgeWrite, type PairState, type Plan } from './edges.ts';
import type { Freeze, GraphStore, LoadEdge, PendingRecord } from './graph-store.ts';
import { pairKey, recordOf } from './pending-records.ts';

interface Node {
  readonly friends: Set<string>;
  readonly follows: Set<string>;
  readonly followers: Set<string>;
  readonly blocks: Set<string>;
  readonly hides: Map<string, { readonly blockId: string; readonly frozen: Frozen | undefined }>;
  pull: boolean;
}

interface Graph {
  readonly nodes: Map<string, Node>;
  /** By pair key, in the order written. */
  readonly records: Map<string, PendingRecord & { readonly pair: string }>;
  revision: number;
  loads: number;
}

export interface MemoryGraphStoreOptions {
  readonly clock: Clock;
  /** Followers up to which a user's followers are pushed to. */
  readonly maxFollowers: number;
}

const PAGE = 1000;
const MAX_PENDING = 1000;

export function createMemoryGraphStore({
  clock,
  maxFollowers,
}: MemoryGraphStoreOptions): GraphStore {
  const graph: Graph = { nodes: new Map(), records: new Map(), revision: 0, loads: 0 };
  const limits = pushLimits(maxFollowers);
  const get = (userId: string): Node => graph.nodes.get(userId) ?? emptyNode();
  return {
    prepare: () => Promise.resolve(),
    user: (userId) => Promise.resolve(userNode(graph, userId)),
    viewsOn: (subjectId, viewerIds) =>
      Promise.resolve({
        views: viewerIds.map((viewerId) => view(get, viewerId, subjectId)),
        revision: graph.revision,
      }),
    viewsOf: (viewerId, subjectIds) =>
      Promise.resolve({
        views: subjectIds.map((subjectId) => view(get, viewerId, subjectId)),
        revision: graph.revision,
      }),
    // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous
    async *followers(userId) {
      const followers = [...get(userId).followers];
      for (let i = 0; i < followers.length; i += PAGE) yield followers.slice(i, i + PAGE);
    },
    change: (change) => Promise.resolve(changeEdge(graph, change, limits, clock)),
    settle(record, freezes) {
      settle(graph, record, freezes);
      return Promise.resolve();
    },
    pending: () =>
      Promise.resolve({
        records: [...graph.records.values()].slice(0, MAX_PENDING),
        revision: graph.revision,
        loads: String(graph.loads),
      }),
    load: (edges) => Promise.resolve(load(graph, edges, limits)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function emptyNode(): Node {
  return {
    friends: new Set(),
    follows: new Set(),
    followers: new Set(),
    blocks: new Set(),
    hides: new Map(),
    pull: false,
  };
}

function nodeOf({ nodes }: Graph, userId: string): Node {
  let node = nodes.get(userId);
  if (!node) nodes.set(userId, (node = emptyNode()));
  return node;
}

function userNode({ nodes, revision }: Graph, userId: string): UserNode {
  const node = nodes.get(userId) ?? emptyNode();
  const hidden = new Map<string, Hidden>();
  for (const [subject, { frozen }] of node.hides) hidden.set(subject, { frozen });
  return {
    userId,
    revision,
    pull: node.pull,
    friends: [...node.friends],
    follows: [...node.follows].map((id) => ({ userId: id, pull: nodes.get(id)?.pull ?? false })),
    followers: node.pull ? [] : [...node.followers],
    hidden,
  };
}

function view(get: (userId: string) => Node, viewerId: string, subjectId: string): View {
  const viewer = get(viewerId);
  const hides = viewer.hides.get(subjectId);
  return {
    viewerId,
    subjectId,
    friends: viewer.friends.has(subjectId),
    follows: viewer.follows.has(subjectId),
    pull: get(subjectId).pull,
    hidden: hides && { frozen: hides.frozen },
  };
}

function pairState(graph: Graph, { from, to }: EdgeChange): PairState {
  const a = graph.nodes.get(from) ?? emptyNode();
  const b = graph.nodes.get(to) ?? emptyNode();
  return {
    friends: a.friends.has(to),
    follows: a.follows.has(to),
    followed: b.follows.has(from),
    blocks: a.blocks.has(to),
    blocked: b.blocks.has(from),
    hidden: a.hides.has(to),
    fromFrozen: b.hides.get(from)?.frozen,
    toFrozen: a.hides.get(to)?.frozen,
    pull: b.pull,
    fromPull: a.pull,
    followers: b.followers.size,
  };
}

function changeEdge(graph: Graph, change: EdgeChange, limits: PushLimits, clock: Clock) {
  const plan = planChange(change, pairState(graph, change), limits);
  if (plan.writes.length > 0) store(graph, change, plan, clock);
  const pair = pairKey(change.from, change.to);
  const records = [...graph.records.values()].filter((record) => record.pair === pair);
  return { revision: graph.revision, records };
}

function store(graph: Graph, { from, to }: EdgeChange, plan: Plan, clock: Clock): void {
  const blockId = clock.uuid();
  graph.revision++;
  for (const write of plan.writes) writeEdge(graph, write, blockId);
  if (plan.pull !== undefined) nodeOf(graph, to).pull = plan.pull;
  const recordId = String(graph.revision);
  const record = recordOf(plan, blockId);
  graph.records.set(recordId, { recordId, pair: pairKey(from, to), ...record });
}

function writeEdge(graph: Graph, { op, kind, from, to, frozen }: EdgeWrite, blockId: string): void {
  const node = nodeOf(graph, from);
  const write = (set: Set<string>, id: string) => (op === 'SET' ? set.add(id) : set.delete(id));
  switch (kind) {
    case 'FRIEND':
      write(node.friends, to);
      return;
    case 'FOLLOWS':
      write(node.follows, to);
      write(nodeOf(graph, to).followers, from);
      return;
    case 'BLOCKS':
      write(node.blocks, to);
      return;
    case 'HIDES':
      if (op === 'SET') node.hides.set(to, { blockId, frozen });
      else node.hides.delete(to);
  }
}

function settle(graph: Graph, record: PendingRecord, freezes: readonly Freeze[]): void {
  graph.revision++;
  for (const { viewerId, subjectId, frozen } of freezes) {
    const hides = nodeOf(graph, viewerId).hides;
    const hidden = hides.get(subjectId);
    if (!hidden || hidden.frozen || hidden.blockId !== record.blockId) continue;
    hides.set(subjectId, { blockId: hidden.blockId, frozen });
  }
  graph.records.delete(record.recordId);
}

function load(graph: Graph, edges: readonly LoadEdge[], limits: PushLimits): number {
  graph.revision++;
  graph.loads++;
  for (const { kind, from, to } of edges) {
    writeEdge(graph, { op: 'SET', kind, from, to }, '');
    if (kind === 'FRIEND') writeEdge(graph, { op: 'SET', kind, from: to, to: from }, '');
    const followed = nodeOf(graph, to);
    if (kind === 'FOLLOWS') followed.pull = isPull(followed.pull, followed.followers.size, limits);
  }
  return graph.revision;
}
