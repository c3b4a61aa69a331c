/** Subjects in pull mode, looked at. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Gateway } from '../../gateway/app.ts';

import { eventually } from '../support/eventually.ts';
import { join, startInProcessMesh, type InProcessMesh } from './in-process-mesh.ts';

let mesh: InProcessMesh;
let gateway: Gateway;

beforeEach(async () => {
  mesh = await startInProcessMesh({ maxFollowers: 1 });
  gateway = await mesh.addGateway();
  for (const follower of ['fan1', 'fan2', 'fan3']) {
    await mesh.graph.unary((c) => c.follow, { userId: follower, followedUserId: 'star' });
  }
});

afterEach(async () => {
  await mesh[Symbol.asyncDispose]();
});

const block = (userId: string, blockedUserId: string) =>
  mesh.graph.unary((c) => c.block, { userId, blockedUserId });

test('a follower is told while watching, not before and not after', async () => {
  using fan = await join(gateway, 'fan1');
  using other = await join(gateway, 'fan2');
  expect(fan.view.get('star')).toMatchObject({ status: 'STATUS_OFFLINE', mode: 'MODE_PULL' });
  using star = await join(gateway, 'star');
  fan.send({ watch: { userIds: ['star'] } });
  await fan.sees('star', 'STATUS_ONLINE');
  star.send({ setStatus: { status: 'STATUS_BUSY' } });
  await fan.sees('star', 'STATUS_BUSY');
  expect(other.statusOf('star')).toBe('STATUS_OFFLINE');
  fan.send({ unwatch: { userIds: ['star'] } });
  other.send({ watch: { userIds: ['star'] } });
  await other.sees('star', 'STATUS_BUSY');
  star.send({ setStatus: { status: 'STATUS_AWAY' } });
  await other.sees('star', 'STATUS_AWAY');
  expect(fan.statusOf('star')).toBe('STATUS_BUSY');
});

test('who is blocked while watching sees them offline from then on', async () => {
  using fan = await join(gateway, 'fan1');
  using other = await join(gateway, 'fan2');
  using star = await join(gateway, 'star');
  for (const viewer of [fan, other]) viewer.send({ watch: { userIds: ['star'] } });
  await Promise.all([fan.sees('star', 'STATUS_ONLINE'), other.sees('star', 'STATUS_ONLINE')]);
  await block('star', 'fan1');
  const hidden = await fan.sees('star', 'STATUS_OFFLINE');
  star.send({ setStatus: { status: 'STATUS_BUSY' } });
  await other.sees('star', 'STATUS_BUSY');
  expect(fan.view.get('star')).toEqual(hidden);
  await mesh.graph.unary((c) => c.unblock, { userId: 'star', blockedUserId: 'fan1' });
  await fan.sees('star', 'STATUS_BUSY');
  star.send({ setStatus: { status: 'STATUS_AWAY' } });
  await fan.sees('star', 'STATUS_AWAY');
});

test('a stranger is not shown, and too many are refused', async () => {
  using viewer = await join(gateway, 'viewer');
  using star = await join(gateway, 'star');
  viewer.send({ watch: { userIds: ['star'] } });
  await eventually(() => viewer.frames.some(({ removed }) => removed?.userIds.includes('star')));
  const ids = (from: number) => Array.from({ length: 100 }, (_, i) => `u${from + i}`);
  for (const from of [0, 100, 200]) viewer.send({ watch: { userIds: ids(from) } });
  await eventually(() =>
    viewer.frames.some(({ error }) => error?.message.includes('at most 200 at a time')),
  );
  expect(star.closed).toBeUndefined();
});

test('a watch begun while presence is away counts once it is back', async () => {
  using fan = await join(gateway, 'fan1');
  await mesh.stopPresence();
  fan.send({ watch: { userIds: ['star'] } });
  await eventually(() => gateway.problems().length > 0);
  await mesh.startPresence();
  using star = await join(gateway, 'star');
  expect(star.closed).toBeUndefined();
  await fan.sees('star', 'STATUS_ONLINE');
});

test('a graph that is slow is asked once, not again at each look-up', async () => {
  const asked: string[] = [];
  const gate = createGate();
  const slow: typeof mesh.graph = {
    ...mesh.graph,
    async unary(method, request, settings) {
      if (typeof request === 'object' && request && 'viewerUserId' in request) {
        asked.push(String(request.viewerUserId));
        if (request.viewerUserId === 'fan1') await gate.opened;
      }
      return mesh.graph.unary(method, request, settings);
    },
  };
  const own = await mesh.addGateway({ graph: slow });
  using fan = await join(own, 'fan1');
  using other = await join(own, 'fan2');
  using star = await join(own, 'star');
  for (const viewer of [fan, other]) viewer.send({ watch: { userIds: ['star'] } });
  // Each of these takes a look-up more.
  for (const status of ['STATUS_BUSY', 'STATUS_AWAY', 'STATUS_BUSY']) {
    star.send({ setStatus: { status } });
    await other.sees('star', status);
  }
  expect(asked.filter((userId) => userId === 'fan1')).toHaveLength(1);
  gate.open();
  await fan.sees('star', 'STATUS_BUSY');
});

function createGate() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
