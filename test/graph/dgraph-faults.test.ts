/** A Dgraph that is absent, dies, comes back, or has the schema of an older version. */
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDgraphConnection } from '../../graph/dgraph-connection.ts';
import { createDgraphGraphStore } from '../../graph/dgraph-graph-store.ts';
import type { GraphStore } from '../../graph/graph-store.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { startDgraph, type TestDgraph } from '../support/dgraph.ts';
import { eventually } from '../support/eventually.ts';
import { playPresence, startGraph, type PlayedPresence, type TestGraph } from './support.ts';

const SLOW_MS = 240_000;

describe('graph without its Dgraph', () => {
  let dgraph: TestDgraph;
  let address: string;
  let store: GraphStore;
  let presence: PlayedPresence;
  let graph: TestGraph;

  beforeAll(async () => {
    dgraph = await startDgraph();
    address = `127.0.0.1:${dgraph.port}`;
    store = createDgraphGraphStore({ address, clock, maxFollowers: 10 });
    presence = await playPresence();
  }, SLOW_MS);
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
    await presence[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await dgraph[Symbol.asyncDispose]();
  });
  const befriend = (userId: string, friendUserId: string) =>
    graph.pool.unary(
      (client) => client.befriend,
      { userId, friendUserId },
      // Dgraph takes a second or two after its start before it commits.
      { timeoutMs: 60_000 },
    );

  test('migrates the schema of an older version and keeps the data', async () => {
    const connection = createDgraphConnection({ address, clock });
    await connection.alter('mesh.user_id: string @index(exact) .\nmesh.friend: [uid] .');
    await connection.transact(
      (transaction) =>
        transaction.commit({
          set: '_:a <mesh.user_id> "old-a" .\n_:b <mesh.user_id> "old-b" .\n_:a <mesh.friend> _:b .',
          remove: '',
        }),
      SLOW_MS,
    );
    connection[Symbol.dispose]();
    await store.prepare();
    await eventually(async () => {
      expect((await store.user('old-a', Number.MAX_SAFE_INTEGER)).friends).toEqual(['old-b']);
    });
  });

  test(
    'says which, where and how to start it, is not ready meanwhile, and serves when it comes',
    async () => {
      await dgraph.kill();
      graph = await startGraph({ store, presenceAddress: `127.0.0.1:${presence.port}` });
      const says = new RegExp(
        `Dgraph at ${address} does not answer .*npm run stack -- up, or set MESH_DGRAPH_URL`,
      );
      await expect(befriend('fault-a', 'fault-b')).rejects.toMatchObject({
        code: status.UNAVAILABLE,
        message: expect.stringMatching(says),
      });
      await expect(graph.contacts('fault-a')).rejects.toMatchObject({ code: status.UNAVAILABLE });
      await eventually(() => expect(graph.part.readiness.problems().join()).toMatch(says));
      await dgraph.start();
      await eventually(() => graph.part.readiness.isReady(), { timeoutMs: 60_000 });
      await eventually(() => befriend('fault-a', 'fault-b'), { timeoutMs: 60_000 });
    },
    SLOW_MS,
  );

  test(
    'keeps what it acknowledged when Dgraph is killed, and announces what was left',
    async () => {
      await store.change({ kind: 'BEFRIEND', from: 'fault-a', to: 'fault-c' });
      await dgraph.kill();
      await eventually(() => !graph.part.readiness.isReady());
      await dgraph.start();
      await eventually(() => graph.part.readiness.isReady(), { timeoutMs: 60_000 });
      const contacts = await eventually(() => graph.contacts('fault-a'));
      expect(contacts.map(({ userId }) => userId).sort()).toEqual(['fault-b', 'fault-c']);
      await eventually(() =>
        presence.announced.some(({ onlyUserIds }) => onlyUserIds.includes('fault-c')),
      );
    },
    SLOW_MS,
  );
});
