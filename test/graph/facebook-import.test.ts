/** The friendship graph of 4,039 Facebook users into real Dgraph. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { importFile } from '../../cli/import.ts';
import { createDgraphGraphStore } from '../../graph/dgraph-graph-store.ts';
import type { GraphStore } from '../../graph/graph-store.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { eventually } from '../support/eventually.ts';
import { sharedDgraph } from '../support/shared-servers.ts';
import { startGraph, type TestGraph } from './support.ts';

const FILE = fileURLToPath(new URL('../../../shared/data/facebook-friends.tsv', import.meta.url));
const USERS = 4039;
const PAIRS = 88_234;

let store: GraphStore;
let graph: TestGraph;
let dir: string;
beforeAll(async () => {
  const { port } = await sharedDgraph();
  store = createDgraphGraphStore({ address: `127.0.0.1:${port}`, clock, maxFollowers: 5000 });
  graph = await startGraph({ store, presenceAddress: '127.0.0.1:1' });
  dir = await mkdtemp(join(tmpdir(), 'presence-mesh-test-import-'));
  await eventually(() => graph.part.readiness.isReady(), { timeoutMs: 60_000 });
}, 240_000);
afterAll(async () => {
  await graph[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

test('is imported, and every friend finds every friend', async () => {
  const prefix = `fb-${clock.uuid()}-`;
  const pairs = (await pairsOf()).map(([a, b]): [string, string] => [
    `${prefix}${a}`,
    `${prefix}${b}`,
  ]);
  const file = join(dir, 'friends.tsv');
  await writeFile(file, pairs.map(([a, b]) => `${a}\t${b}\n`).join(''));
  const silent = {
    waiting: () => undefined,
    start: () => undefined,
    sent: () => undefined,
    end: () => undefined,
  };
  const summary = await importFile(file, [graph.address], silent);
  expect(summary).toMatch(/^imported 88,234 edges of 4,039 users/);
  const friendsOf = new Map<string, string[]>();
  for (const [a, b] of [...pairs, ...pairs.map(([a, b]) => [b, a] as const)]) {
    friendsOf.set(a, [...(friendsOf.get(a) ?? []), b]);
  }
  expect(friendsOf.size).toBe(USERS);
  for (const [userId, friends] of [...friendsOf].filter((_, index) => index % 40 === 0)) {
    const { groups } = await graph.audience(userId);
    expect(groups.flatMap(({ userIds }) => userIds).sort()).toEqual(friends.sort());
  }
}, 600_000);

/** Where the data is absent, a graph of the same size with as heavy a tail. */
async function pairsOf(): Promise<string[][]> {
  if (existsSync(FILE)) {
    return (await readFile(FILE, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
  }
  const pairs = new Set<string>();
  for (let user = 1; user < USERS; user++) pairs.add(`${user % Math.ceil(user / 2)}\t${user}`);
  for (let i = 0; pairs.size < PAIRS; i++) {
    const a = Math.floor((i % 977) ** 1.2) % USERS;
    const b = (i * 7919) % USERS;
    if (a !== b) pairs.add(`${Math.min(a, b)}\t${Math.max(a, b)}`);
  }
  return [...pairs].map((pair) => pair.split('\t'));
}
