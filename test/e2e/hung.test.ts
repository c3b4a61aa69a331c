/**
 * Two presence and two graph processes, of which one hangs (SIGSTOP): its connections stand, and nothing comes back.
 * What clients see of it: nothing.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { status as grpcStatus } from '@grpc/grpc-js';
import type { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import type { PresenceServiceClient } from '../../gen/presence/v1/presence_service.ts';
import { Status } from '../../gen/presence/v1/presence.ts';
import type { ClientPool } from '../../lib/grpc/client.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { openGraph, openPresence } from '../support/clients.ts';
import { connect, type EdgeClient } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import type { Mesh, MeshPart } from '../support/mesh.ts';
import { startStack } from '../support/stack.ts';

/** Half a dozen times as long as it takes to find out that a process hangs, on a quiet machine. */
const LEASE_TTL_MS = 15_000;
const HEARTBEAT_MS = 500;
/** For a machine that is slow: nothing that is asserted depends on it. */
const PATIENCE_MS = 120_000;

let disposer: Disposer;
let mesh: Mesh;
let graph: ClientPool<GraphServiceClient>;
let presence: ClientPool<PresenceServiceClient>;

beforeAll(async () => {
  disposer = createDisposer();
  const stack = disposer.add(
    await startStack({
      dgraph: 'shared',
      counts: { gateway: 2, presence: 2, fanout: 1, graph: 2 },
      settings: {
        MESH_LEASE_TTL_MS: String(LEASE_TTL_MS),
        MESH_HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_MS),
      },
    }),
  );
  ({ mesh } = stack);
  graph = openGraph(...mesh.graph.map(({ address }) => address));
  disposer.defer(() => graph[Symbol.dispose]());
  presence = openPresence(...mesh.presence.map(({ address }) => address));
  disposer.defer(() => presence[Symbol.dispose]());
}, 180_000);

afterAll(async () => disposer[Symbol.asyncDispose](), 60_000);

let run = 0;
beforeEach(() => {
  run++;
});
afterEach(() => {
  for (const part of [...mesh.presence, ...mesh.graph]) part.resume();
});
const user = (name: string): string => `hung${run}-${name}`;

const onGateway = (index: number, name: string): Promise<EdgeClient> =>
  connect(mesh.gateways[index]!.address, user(name), { heartbeatMs: HEARTBEAT_MS });

async function befriend(a: string, others: readonly string[]): Promise<void> {
  for (const b of others) {
    const request = { userId: user(a), friendUserId: user(b) };
    await eventually(
      () => graph.unary((client) => client.befriend, request, { timeoutMs: 10_000 }),
      { timeoutMs: PATIENCE_MS },
    );
  }
}

const STATUSES = ['STATUS_BUSY', 'STATUS_AWAY', 'STATUS_ONLINE'];

/** Every subject chooses another status, and every watcher sees it. */
async function change(
  subjects: readonly EdgeClient[],
  watchers: readonly EdgeClient[],
  round: number,
): Promise<void> {
  const chosen = subjects.map((_, i) => STATUSES[(round + i) % STATUSES.length]!);
  subjects.forEach((subject, i) => subject.send({ setStatus: { status: chosen[i] } }));
  for (const watcher of watchers) {
    for (const [i, { userId }] of subjects.entries()) {
      await watcher.sees(userId, chosen[i]!, PATIENCE_MS);
    }
  }
}

/** The newest heartbeat of each subject that the store has. */
async function lastActive(userIds: readonly string[]): Promise<number[]> {
  const request = { userIds: [...userIds] };
  const reading = { isIdempotent: true, timeoutMs: PATIENCE_MS };
  const { presences } = await presence.unary((to) => to.getPresence, request, reading);
  return presences.map((one) => one.lastActive?.getTime() ?? 0);
}

const parts: [string, (from: Mesh) => MeshPart][] = [
  ['presence', (from) => from.presence[0]!],
  ['graph', (from) => from.graph[0]!],
];

test.each(parts)(
  'one of two %s processes hangs: heartbeats, new sockets, changes and pushes go on, and no client is told anything',
  async (_, partOf) => {
    const hung = partOf(mesh);
    const names = Array.from({ length: 6 }, (__, i) => `subject${i}`);
    for (const watcher of ['watcher', 'other', 'late']) await befriend(watcher, names);
    const subjects = await Promise.all(names.map((name, i) => onGateway(i % 2, name)));
    const watchers = [await onGateway(0, 'watcher'), await onGateway(1, 'other')];
    const clients = [...subjects, ...watchers];
    for (const watcher of watchers) {
      for (const { userId } of subjects) await watcher.sees(userId, 'STATUS_ONLINE', PATIENCE_MS);
    }
    const seenBefore = watchers.map(({ frames }) => frames.length);
    const userIds = subjects.map(({ userId }) => userId);
    const before = await lastActive(userIds);

    hung.pause();
    for (let round = 0; round < 4; round++) await change(subjects, watchers, round);
    const late = await onGateway(run % 2, 'late');
    clients.push(late);
    for (const { userId } of subjects) expect(late.statusOf(userId)).not.toBe('STATUS_OFFLINE');
    // Longer than a lease would last without heartbeats, and longer than gRPC keeps a connection that is silent.
    await eventually(
      async () => {
        const now = await lastActive(userIds);
        for (const [i, atMs] of now.entries()) {
          expect(atMs).toBeGreaterThan(before[i]! + 2 * LEASE_TTL_MS);
        }
      },
      { timeoutMs: PATIENCE_MS, intervalMs: 500 },
    );
    await change(subjects, watchers, 4);

    // What waited in its sockets must not undo what was chosen since.
    hung.resume();
    await change(subjects, watchers, 5);
    for (let round = 6; round < 9; round++) await change(subjects, watchers, round);

    for (const [i, { frames }] of watchers.entries()) {
      const told = frames.slice(seenBefore[i]).flatMap(({ update }) => update?.presences ?? []);
      expect(told.filter(({ status }) => status === 'STATUS_OFFLINE')).toEqual([]);
    }
    for (const client of clients) {
      expect(client.closed).toBeUndefined();
      expect(client.frames.flatMap(({ error }) => error ?? [])).toEqual([]);
      client[Symbol.dispose]();
    }
  },
  480_000,
);

test('what was asked of a process that hung is not done when it goes on', async () => {
  const [hung, other] = mesh.presence;
  using alone = openPresence(hung!.address);
  using well = openPresence(other!.address);
  const choose = (pool: ClientPool<PresenceServiceClient>, value: Status, timeoutMs: number) =>
    pool.unary(
      (to) => to.setStatus,
      { userId: user('alice'), change: { $case: 'chosen', value } },
      { timeoutMs },
    );
  const ask = alone.asking((to) => to.streamStatuses);
  await choose(alone, Status.STATUS_AWAY, PATIENCE_MS);
  using alice = await onGateway(0, 'alice');
  hung!.pause();
  const late = ask(
    { userId: user('alice'), change: { $case: 'chosen', value: Status.STATUS_BUSY } },
    { timeoutMs: 2000 },
  );
  const lateCall = choose(alone, Status.STATUS_AWAY, 2000);
  await Promise.all([
    expect(late).rejects.toThrow('no answer within'),
    expect(lateCall).rejects.toMatchObject({ code: grpcStatus.DEADLINE_EXCEEDED }),
  ]);
  await choose(well, Status.STATUS_ONLINE, PATIENCE_MS);
  hung!.resume();
  // Questions of a stream are read in order, and changes are taken again only when all that waited has been read.
  await ask(
    { userId: user('bob'), change: { $case: 'chosen', value: Status.STATUS_AWAY } },
    { timeoutMs: PATIENCE_MS },
  );
  const { presences } = await well.unary((to) => to.getPresence, { userIds: [user('alice')] });
  expect(presences.map(({ status }) => status)).toEqual([Status.STATUS_ONLINE]);
  expect(alice.closed).toBeUndefined();
}, 480_000);
