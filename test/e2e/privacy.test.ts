/**
 * Whoever may not be seen is not to be told from somebody who is not there: the same script, with and without them, in
 * processes as a user runs them. Byte for byte, in time that the test owns: test/privacy/.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import { Status } from '../../gen/presence/v1/presence.ts';
import type { ClientPool } from '../../lib/grpc/client.ts';
import { createDisposer, type Disposer } from '../../lib/lifecycle.ts';
import type { WireFrame, WirePresence } from '../support/client-view.ts';
import { openGraph, openPresence } from '../support/clients.ts';
import { connect, type EdgeClient } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import type { EmbeddedMesh } from '../support/mesh.ts';
import { MESHES } from '../support/meshes.ts';

const START_TIMEOUT_MS = 120_000;
let worlds = 0;

interface World {
  readonly mesh: EmbeddedMesh;
  readonly graph: ClientPool<GraphServiceClient>;
  /** The id in this world of who is called so in all of them. */
  readonly id: (name: string) => string;
  readonly viewer: EdgeClient;
  /** Others whose changes the viewer may see: they mark the time. */
  readonly friend: EdgeClient;
}

/** Something the viewer sees for certain, after everything that came before. */
async function mark({ viewer, friend, id }: World, status: string): Promise<void> {
  friend.send({ setStatus: { status } });
  await viewer.sees(id('friend'), status);
}

async function resync(viewer: EdgeClient): Promise<void> {
  const snapshots = (): number => viewer.frames.filter(({ snapshot }) => snapshot?.last).length;
  const before = snapshots();
  viewer.send({ resync: {} });
  await eventually(() => expect(snapshots()).toBe(before + 1));
}

/** A frame without what differs between any two runs: session, times and versions of others. */
function comparable({ ack, welcome, snapshot, update, ...rest }: WireFrame): object[] {
  if (ack) return [];
  if (welcome) return [{ welcome: { userId: welcome.userId } }];
  const plain = ({ userId, status, mode }: WirePresence): object => ({ userId, status, mode });
  if (snapshot) {
    const { presences = [], last } = snapshot;
    return [{ ...rest, snapshot: { last, presences: presences.map(plain) } }];
  }
  return [{ ...rest, ...(update && { update: update.presences.map(plain) }) }];
}

const script = async (
  world: World,
  subject?: (world: World) => Promise<void>,
): Promise<object[]> => {
  await mark(world, 'STATUS_ONLINE');
  await subject?.(world);
  await mark(world, 'STATUS_AWAY');
  await resync(world.viewer);
  await mark(world, 'STATUS_BUSY');
  const frames = JSON.stringify(world.viewer.frames).replaceAll(world.id(''), '');
  return (JSON.parse(frames) as WireFrame[]).flatMap(comparable);
};

const subjectShown = ({ viewer, id }: World): WirePresence[] =>
  viewer.frames
    .flatMap(({ update, snapshot }) => [
      ...(update?.presences ?? []),
      ...(snapshot?.presences ?? []),
    ])
    .filter(({ userId }) => userId === id('subject'));

/** Comes, beats, changes, idles, goes. */
async function live({ mesh, id }: World): Promise<void> {
  const subject = await connect(mesh.address, id('subject'), { heartbeatMs: 50 });
  subject.send({ setStatus: { status: 'STATUS_INVISIBLE' } });
  subject.send({ heartbeat: { activity: 'ACTIVITY_IDLE' } });
  using second = await connect(mesh.address, id('subject'), { heartbeatMs: 50 });
  expect(second.gaps).toBe(0);
  subject.send({ logout: {} });
  await subject.whenClosed();
}

/** Chosen before anybody looks. */
async function chooseInvisible({ mesh, id }: Pick<World, 'mesh' | 'id'>): Promise<void> {
  using presence = openPresence(mesh.grpcAddress);
  const change = { $case: 'chosen', value: Status.STATUS_INVISIBLE } as const;
  await presence.unary((client) => client.setStatus, { userId: id('subject'), change });
}

describe.each(MESHES)('%s', (_, start) => {
  let mesh: EmbeddedMesh;
  let disposer: Disposer;
  beforeAll(async () => {
    mesh = await start({ MESH_CLOSE_GRACE_MS: '100' });
  }, START_TIMEOUT_MS);
  afterAll(async () => mesh[Symbol.asyncDispose]());
  beforeEach(() => {
    disposer = createDisposer();
  });
  afterEach(async () => disposer[Symbol.asyncDispose]());

  async function createWorld(
    before: (world: Omit<World, 'viewer' | 'friend'>) => Promise<void>,
  ): Promise<World> {
    const prefix = `world-${++worlds}-`;
    const id = (name: string): string => prefix + name;
    const graph = openGraph(mesh.grpcAddress);
    disposer.defer(() => graph[Symbol.dispose]());
    for (const friendUserId of ['friend', 'subject']) {
      const friends = { userId: id('viewer'), friendUserId: id(friendUserId) };
      await graph.unary((client) => client.befriend, friends);
    }
    await before({ mesh, graph, id });
    await untilTold(['viewer', 'friend', 'subject'].map(id));
    const viewer = await connect(mesh.address, id('viewer'));
    const friend = await connect(mesh.address, id('friend'));
    disposer.defer(() => viewer[Symbol.dispose]());
    disposer.defer(() => friend[Symbol.dispose]());
    return { mesh, graph, id, viewer, friend };
  }

  /** Announcements of what was befriended or blocked are not on their way any more when the viewer comes. */
  async function untilTold(userIds: string[]): Promise<void> {
    using presence = openPresence(mesh.grpcAddress);
    await eventually(async () => {
      const { presences } = await presence.unary((client) => client.filterOffline, { userIds });
      return presences.length === userIds.length;
    });
  }

  test('an invisible user who lives gives the viewer the frames of one who does not', async () => {
    const quiet = await createWorld(chooseInvisible);
    const busy = await createWorld(chooseInvisible);
    const expected = await script(quiet);
    expect(await script(busy, live)).toEqual(expected);
    const shown = subjectShown(busy);
    expect(new Set(shown.map(({ status }) => status))).toEqual(new Set(['STATUS_OFFLINE']));
    expect(new Set(shown.map(({ version }) => version)).size).toBe(1);
    expect(new Set(shown.map(({ lastActive }) => lastActive)).size).toBe(1);
  });

  test.each([
    ['the subject blocks the viewer', 'subject', 'viewer'],
    ['the viewer blocks the subject', 'viewer', 'subject'],
  ])(
    '%s: what the subject does gives the viewer the frames of nothing',
    async (_name, blocking, blocked) => {
      const block = async ({ graph, id }: Pick<World, 'graph' | 'id'>): Promise<void> => {
        const request = { userId: id(blocking), blockedUserId: id(blocked) };
        await graph.unary((client) => client.block, request);
      };
      const quiet = await createWorld(block);
      const busy = await createWorld(block);
      const expected = await script(quiet);
      const visibly = async ({ mesh, id }: World): Promise<void> => {
        const subject = await connect(mesh.address, id('subject'), { heartbeatMs: 50 });
        subject.send({ setStatus: { status: 'STATUS_BUSY' } });
        subject.send({ logout: {} });
        await subject.whenClosed();
      };
      expect(await script(busy, visibly)).toEqual(expected);
      const shown = subjectShown(busy);
      expect(new Set(shown.map(({ version }) => version)).size).toBe(1);
      expect(new Set(shown.map(({ lastActive }) => lastActive)).size).toBe(1);
    },
  );
});
