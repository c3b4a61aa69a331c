/** GraphStore on Dgraph. Stateless: any number of processes, any of them may die. */
import { createBatcher } from '../lib/batcher.ts';
import type { Clock } from '../lib/clock.ts';
import { pushLimits, type PushLimits, type UserNode, type View } from './audience.ts';
import {
  createDgraphConnection,
  type DgraphConnection,
  type ReadMode,
  type Reply,
  type Transaction,
} from './dgraph-connection.ts';
import { loadEdges } from './dgraph-load.ts';
import { changeWrites, deleteRecord, hiding, newUser, RECORD_NODE } from './dgraph-mutations.ts';
import * as queries from './dgraph-queries.ts';
import { migrate } from './dgraph-schema.ts';
import { planChange, type EdgeChange, type Plan } from './edges.ts';
import type { Freeze, GraphStore, PendingRecord, StoredChange } from './graph-store.ts';
import { recordOf } from './pending-records.ts';

export interface DgraphGraphStoreOptions {
  /** host:port of an alpha's gRPC. */
  readonly address: string;
  readonly clock: Clock;
  /** Followers up to which a user's followers are pushed to. */
  readonly maxFollowers: number;
}

const PAGE = 1000;
const USERS_A_QUERY = 32;
const QUERIES_AT_ONCE = 4;

export function createDgraphGraphStore(options: DgraphGraphStoreOptions): GraphStore {
  const { clock } = options;
  const connection = createDgraphConnection(options);
  const limits = pushLimits(options.maxFollowers);
  const reader = createReader(connection);
  const readUser = createBatcher({
    call: (asked: readonly UserRequest[]) => readUsers(reader, asked),
    maxWeight: USERS_A_QUERY,
    maxRunning: QUERIES_AT_ONCE,
  });
  const readViews = createBatcher({
    call: (asked: readonly queries.Viewing[]) => readViewsOf(connection, asked),
    maxWeight: USERS_A_QUERY,
    maxRunning: QUERIES_AT_ONCE,
  });
  return {
    prepare: () => migrate(connection),
    user: (userId, minRevision) => readUser({ userId, minRevision }),
    async viewsOn(subjectId, viewerIds) {
      const query = queries.viewsOnQuery(subjectId, viewerIds);
      const { json, readTs } = await connection.read<queries.ViewsOnAnswer>(query, 'STRICT');
      return { views: queries.viewsOn(subjectId, viewerIds, json), revision: readTs };
    },
    viewsOf: (viewerId, subjectIds) => readViews({ viewerId, subjectIds }),
    followers: (userId) => pagesOfFollowers(connection, userId),
    async change(change) {
      const stored = await connection.transact((transaction) =>
        changeEdge(transaction, change, limits, clock),
      );
      reader.committed(stored.revision);
      return stored;
    },
    settle: (record, freezes) =>
      connection.transact((transaction) => settle(transaction, record, freezes)),
    async pending() {
      const { json, readTs } = await connection.read<queries.PendingAnswer>(
        queries.PENDING_QUERY,
        'STRICT',
      );
      const loads = json.loads.map(({ id }) => id).sort();
      return {
        records: queries.recordsOf(json.records),
        revision: readTs,
        loads: loads.join(' '),
      };
    },
    async load(edges) {
      const revision = await loadEdges(connection, edges, { limits, mark: clock.uuid() });
      reader.committed(revision);
      return revision;
    },
    [Symbol.asyncDispose]() {
      connection[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

interface Reader {
  read<T>(query: string, minRevision: number): Promise<Reply<T>>;
  /** This process wrote something. */
  committed(revision: number): void;
}

interface UserRequest {
  readonly userId: string;
  readonly minRevision: number;
}

async function readUsers(reader: Reader, asked: readonly UserRequest[]): Promise<UserNode[]> {
  const userIds = asked.map(({ userId }) => userId);
  const minRevision = Math.max(...asked.map((one) => one.minRevision));
  const query = queries.usersQuery([...new Set(userIds)]);
  const { json, readTs } = await reader.read<queries.UsersAnswer>(query, minRevision);
  return queries.usersOf(userIds, json, readTs);
}

async function readViewsOf(
  connection: DgraphConnection,
  asked: readonly queries.Viewing[],
): Promise<{ views: View[]; revision: number }[]> {
  const query = queries.viewsOfQuery(asked);
  const { json, readTs } = await connection.read<queries.ViewsOfAnswer>(query, 'STRICT');
  return queries.viewsOf(asked, json).map((views) => ({ views, revision: readTs }));
}

/**
 * Best effort when that can be new enough, strict when it was not. A revision no read has shown yet is asked for
 * strictly at once: after a commit best effort was seen to lag by up to 270 ms. What this process committed it also
 * reads, whatever is asked for.
 */
function createReader(connection: DgraphConnection): Reader {
  let newestSeen = 0;
  let newestWritten = 0;
  const readAs = async <T>(query: string, mode: ReadMode): Promise<Reply<T>> => {
    const reply = await connection.read<T>(query, mode);
    newestSeen = Math.max(newestSeen, reply.readTs);
    return reply;
  };
  return {
    async read<T>(query: string, minRevision: number): Promise<Reply<T>> {
      const needed = Math.max(minRevision, newestWritten);
      if (needed > newestSeen) return readAs(query, 'STRICT');
      const reply = await readAs<T>(query, 'BEST_EFFORT');
      return reply.readTs >= needed ? reply : readAs(query, 'STRICT');
    },
    committed(revision: number): void {
      newestWritten = Math.max(newestWritten, revision);
    },
  };
}

async function* pagesOfFollowers(
  connection: DgraphConnection,
  userId: string,
): AsyncGenerator<readonly string[]> {
  for (let after = '0x0'; ;) {
    const query = queries.followersQuery(userId, after, PAGE);
    const { json } = await connection.read<queries.FollowersAnswer>(query, 'STRICT');
    const followers = json.user[0]?.followers ?? [];
    if (followers.length > 0) yield followers.map(({ id }) => id);
    const last = followers.at(-1);
    if (!last || followers.length < PAGE) return;
    after = last.uid;
  }
}

async function changeEdge(
  transaction: Transaction,
  change: EdgeChange,
  limits: PushLimits,
  clock: Clock,
): Promise<StoredChange> {
  const query = queries.pairQuery(change, limits.maxFollowers + 1);
  const { json, readTs } = await transaction.query<queries.PairAnswer>(query);
  const earlier = queries.recordsOf(json.records);
  const plan = planChange(change, queries.pairOf(json), limits);
  if (plan.writes.length === 0) return { revision: readTs, records: earlier };
  const stored = await storeChange(transaction, change, plan, json, clock);
  return { revision: stored.revision, records: [...earlier, stored.record] };
}

async function storeChange(
  transaction: Transaction,
  change: EdgeChange,
  plan: Plan,
  { from: [from], to: [to] }: queries.PairAnswer,
  clock: Clock,
): Promise<{ revision: number; record: PendingRecord }> {
  const blockId = clock.uuid();
  const fromNode = from ? `<${from.uid}>` : '_:from';
  const toNode = to ? `<${to.uid}>` : '_:to';
  const nodes = {
    nodeOf: (userId: string) => (userId === change.from ? fromNode : toNode),
    created: [
      ...(from ? [] : [newUser(fromNode, change.from)]),
      ...(to ? [] : [newUser(toNode, change.to)]),
    ],
  };
  const committed = await transaction.commit(changeWrites(change, plan, nodes, blockId));
  const recordId = committed.uids.get(RECORD_NODE) ?? '';
  return { revision: committed.commitTs, record: { recordId, ...recordOf(plan, blockId) } };
}

async function settle(
  transaction: Transaction,
  record: PendingRecord,
  freezes: readonly Freeze[],
): Promise<void> {
  const frozen: string[] = [];
  for (const freeze of freezes) {
    const query = queries.hidingQuery(freeze.viewerId, freeze.subjectId);
    const { json } = await transaction.query<queries.HidingAnswer>(query);
    const viewer = json.viewer[0];
    const hides = viewer?.hides?.[0];
    if (!viewer || !hides || hides.block !== record.blockId) continue;
    if (hides.version !== undefined) continue;
    frozen.push(hiding(`<${viewer.uid}>`, `<${hides.uid}>`, hides.block, freeze.frozen));
  }
  await transaction.commit({ set: frozen.join('\n'), remove: deleteRecord(record.recordId) });
}
