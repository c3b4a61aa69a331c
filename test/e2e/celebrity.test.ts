/** Above the threshold followers are not pushed: they look, and watch while they look. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import type { ClientPool } from '../../lib/grpc/client.ts';
import { openGraph } from '../support/clients.ts';
import { connect, type EdgeClient } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import type { EmbeddedMesh } from '../support/mesh.ts';
import { MESHES } from '../support/meshes.ts';

const MAX_FOLLOWERS = 10;
const START_TIMEOUT_MS = 120_000;

describe.each(MESHES)('%s', (_, start) => {
  let mesh: EmbeddedMesh;
  let graph: ClientPool<GraphServiceClient>;

  beforeAll(async () => {
    mesh = await start({
      MESH_PUSH_MAX_FOLLOWERS: String(MAX_FOLLOWERS),
      MESH_CLOSE_GRACE_MS: '200',
    });
    graph = openGraph(mesh.grpcAddress);
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    graph[Symbol.dispose]();
    await mesh[Symbol.asyncDispose]();
  });

  const follow = (userId: string, followedUserId: string) =>
    graph.unary((client) => client.follow, { userId, followedUserId });
  const unfollow = (userId: string, followedUserId: string) =>
    graph.unary((client) => client.unfollow, { userId, followedUserId });
  const updatesOf = (client: EdgeClient, userId: string) =>
    client.frames
      .flatMap(({ update }) => update?.presences ?? [])
      .filter((presence) => presence.userId === userId);

  /** All that was sent before has been heard. */
  async function resync(client: EdgeClient): Promise<void> {
    const snapshots = (): number => client.frames.filter(({ snapshot }) => snapshot?.last).length;
    const before = snapshots();
    client.send({ resync: {} });
    await eventually(() => snapshots() > before);
  }

  async function makeCelebrity(star: string): Promise<void> {
    for (let i = 0; i <= MAX_FOLLOWERS; i++) await follow(`${star}-fan${i}`, star);
  }

  test('a celebrity who comes online is pushed to friends, and to no follower', async () => {
    await makeCelebrity('star');
    await graph.unary((client) => client.befriend, {
      userId: 'star',
      friendUserId: 'celebrity-friend',
    });
    using fan = await connect(mesh.address, 'star-fan0');
    using friend = await connect(mesh.address, 'celebrity-friend');
    expect(fan.view.get('star')).toMatchObject({ status: 'STATUS_OFFLINE', mode: 'MODE_PULL' });
    using star = await connect(mesh.address, 'star');
    const seen = await friend.sees('star', 'STATUS_ONLINE');
    expect(seen.mode).toBe('MODE_PUSH');
    star.send({ setStatus: { status: 'STATUS_BUSY' } });
    await friend.sees('star', 'STATUS_BUSY');
    // Whatever was sent to the friend would have been sent to the fan in the same step.
    const told = updatesOf(fan, 'star').map(({ status }) => status);
    // That they are a celebrity now may have been on its way when the fan came.
    expect(told.filter((status) => status !== 'STATUS_OFFLINE')).toEqual([]);
  });

  // Within a second: by the clock of the test, in test/simulation.
  test('a follower who watches sees the change soon, and no more once they stop', async () => {
    await makeCelebrity('idol');
    using fan = await connect(mesh.address, 'idol-fan0');
    using other = await connect(mesh.address, 'idol-fan1');
    fan.send({ watch: { userIds: ['idol'] } });
    using idol = await connect(mesh.address, 'idol');
    await fan.sees('idol', 'STATUS_ONLINE');
    expect(other.statusOf('idol')).toBe('STATUS_OFFLINE');
    fan.send({ unwatch: { userIds: ['idol'] } });
    await resync(fan);
    other.send({ watch: { userIds: ['idol'] } });
    await other.sees('idol', 'STATUS_ONLINE');
    idol.send({ setStatus: { status: 'STATUS_BUSY' } });
    await other.sees('idol', 'STATUS_BUSY');
    expect(fan.statusOf('idol')).toBe('STATUS_ONLINE');
  });

  test('followers hear of the crossing, with the mode, both ways, with room between', async () => {
    const fans = Array.from({ length: MAX_FOLLOWERS }, (_, i) => `rising-fan${i}`);
    for (const fan of fans) await follow(fan, 'rising');
    using fan = await connect(mesh.address, fans[0]!);
    expect(fan.view.get('rising')?.mode).toBe('MODE_PUSH');
    await follow('rising-last', 'rising');
    await eventually(() => expect(fan.view.get('rising')?.mode).toBe('MODE_PULL'));
    // Back below the threshold is not enough: at 90 % it is pushed again.
    await unfollow('rising-last', 'rising');
    expect(fan.view.get('rising')?.mode).toBe('MODE_PULL');
    await unfollow(fans[9]!, 'rising');
    await eventually(() => expect(fan.view.get('rising')?.mode).toBe('MODE_PUSH'));
  });

  test('who is hidden is shown in another mode as one who left is', async () => {
    const fans = Array.from({ length: MAX_FOLLOWERS }, (_, i) => `famous-fan${i}`);
    const subjects = ['famous-blocks', 'famous-left'];
    using fan = await connect(mesh.address, fans[0]!);
    using blocks = await connect(mesh.address, subjects[0]!);
    using left = await connect(mesh.address, subjects[1]!);
    for (const subject of subjects) {
      for (const userId of fans) await follow(userId, subject);
      await fan.sees(subject, 'STATUS_ONLINE');
    }
    await graph.unary((client) => client.block, { userId: blocks.userId, blockedUserId: fans[0]! });
    left.send({ logout: {} });
    const before = await Promise.all(subjects.map((one) => fan.sees(one, 'STATUS_OFFLINE')));
    blocks.send({ setStatus: { status: 'STATUS_BUSY' } });
    for (const subject of subjects) await follow('famous-last', subject);
    for (const [i, { version, lastActive }] of before.entries()) {
      const seen = await eventually(() => {
        const now = fan.view.get(subjects[i]!);
        expect(now?.mode).toBe('MODE_PULL');
        return now!;
      });
      expect(seen).toMatchObject({ status: 'STATUS_OFFLINE', lastActive });
      expect(BigInt(seen.version!)).toBeGreaterThan(BigInt(version!));
    }
    await graph.unary((client) => client.befriend, {
      userId: fans[0]!,
      friendUserId: blocks.userId,
    });
    await eventually(() => expect(fan.view.get(blocks.userId)?.mode).toBe('MODE_PUSH'));
    expect(fan.statusOf(blocks.userId)).toBe('STATUS_OFFLINE');
    await graph.unary((client) => client.unblock, {
      userId: blocks.userId,
      blockedUserId: fans[0]!,
    });
    await fan.sees(blocks.userId, 'STATUS_BUSY');
  });

  test('a celebrity is looked up like anybody', async () => {
    await makeCelebrity('diva');
    using diva = await connect(mesh.address, 'diva');
    const url = `http://${mesh.address}/v1/presence?user_id=diva`;
    const response = await fetch(url, { headers: { authorization: 'Bearer dev:diva-fan3' } });
    const { presences } = (await response.json()) as { presences: { status: string }[] };
    expect(presences[0]?.status).toBe('STATUS_ONLINE');
    expect(diva.gaps).toBe(0);
  });
});
