/**
 * A Redis that restarts, with its data or without, tells nobody who hides from them: whoever hides looks as one who
 * left when they hid. Byte for byte, in time that the test owns: test/privacy/loss.test.ts.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import type { ClientPool } from '../../lib/grpc/client.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import { openGraph } from '../support/clients.ts';
import type { WirePresence } from '../support/client-view.ts';
import { connect, type EdgeClient } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import { startEmbedded, type EmbeddedMesh } from '../support/mesh.ts';
import { startRedis, untilWritten, type TestRedis } from '../support/redis.ts';

const PATIENCE = { timeoutMs: 120_000 };

let redis: TestRedis;
let mesh: EmbeddedMesh;
let graph: ClientPool<GraphServiceClient>;
let disposer: Disposer;

beforeAll(async () => {
  redis = await startRedis();
  // One shard, and so one floor: what is told of its users can be compared.
  const settings = { MESH_SHARDS: '1', MESH_CLOSE_GRACE_MS: '100' };
  mesh = await startEmbedded({ MESH_REDIS_URL: redis.url, ...settings });
  graph = openGraph(mesh.grpcAddress);
}, 120_000);
afterAll(async () => {
  graph[Symbol.dispose]();
  await mesh[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});
beforeEach(() => {
  disposer = createDisposer();
});
afterEach(async () => disposer[Symbol.asyncDispose]());

const comes = (userId: string): Promise<EdgeClient> =>
  connect(mesh.address, userId, { heartbeatMs: 100 }).then((client) => {
    disposer.defer(() => client[Symbol.dispose]());
    return client;
  });

async function lookUp(viewer: string, userIds: readonly string[]): Promise<WirePresence[]> {
  const query = userIds.map((userId) => `user_id=${userId}`).join('&');
  const response = await fetch(`http://${mesh.address}/v1/presence?${query}`, {
    headers: { authorization: `Bearer dev:${viewer}` },
  });
  if (!response.ok) throw new Error(await response.text());
  return ((await response.json()) as { presences: WirePresence[] }).presences;
}

test.each([
  ['with its data', () => Promise.resolve(), true],
  ['without its data', emptyRedis, false],
])(
  'Redis restarts %s',
  async (how, meanwhile, keepsLastActive) => {
    const id = (name: string): string => `${how.replaceAll(' ', '-')}.${name}`;
    const seenBefore = ['leaves', 'blocks', 'hides'].map(id);
    const neverSeen = ['never', 'stranger'].map(id);
    const ofWhom = [...seenBefore, ...neverSeen];
    const viewer = id('viewer');
    const block = (userId: string): Promise<unknown> =>
      graph.unary((client) => client.block, { userId, blockedUserId: viewer });
    await block(id('stranger'));
    for (const friendUserId of ofWhom) {
      await graph.unary((client) => client.befriend, { userId: viewer, friendUserId });
    }
    const watching = await comes(viewer);
    const [leaves, , hides] = await Promise.all(seenBefore.map(comes));
    for (const userId of seenBefore) await watching.sees(userId, 'STATUS_ONLINE');
    leaves!.send({ logout: {} });
    hides!.send({ setStatus: { status: 'STATUS_INVISIBLE' } });
    await block(id('blocks'));
    for (const userId of seenBefore) await watching.sees(userId, 'STATUS_OFFLINE');
    const before = await lookUp(viewer, ofWhom);

    await untilWritten(redis);
    await redis.kill();
    await meanwhile();
    await redis.start();

    const versionOf = ({ version = '0' }: WirePresence): bigint => BigInt(version);
    const after = await eventually(async () => {
      const presences = await lookUp(viewer, ofWhom);
      const isHigher = (one: WirePresence, i: number) => versionOf(one) > versionOf(before[i]!);
      expect(presences.some(isHigher)).toBe(true);
      // Everyone is sent a snapshot after the hold.
      expect(ofWhom.map((userId) => watching.view.get(userId))).toEqual(presences);
      return presences;
    }, PATIENCE);
    expect(new Set(after.map(({ version }) => version)).size).toBe(1);
    expect(after.map(({ status }) => status)).toEqual(ofWhom.map(() => 'STATUS_OFFLINE'));
    expect(after.map(({ lastActive }) => lastActive)).toEqual(
      before.map(({ lastActive }) => (keepsLastActive ? lastActive : undefined)),
    );
    expect(before.map(({ lastActive }) => lastActive !== undefined)).toEqual(
      ofWhom.map((userId) => seenBefore.includes(userId)),
    );
  },
  300_000,
);

async function emptyRedis(): Promise<void> {
  const data = join(redis.spec.dir, 'data');
  await rm(data, { recursive: true });
  await mkdir(data);
}
