/**
 * A store that lost data, or may have, tells nothing of who hides: what the viewer gets of somebody hidden is what they
 * get of somebody who left when the other one hid, and of one never seen if the other one hid before that.
 */
import { describe, test } from '@jest/globals';
import { blocks, comes, hides, leaves, nothing, waits } from './deeds.ts';
import { expectSameBytes, record, type Hiding } from './runs.ts';
import { changeEdge, type Deeds, type Disturbance } from './script.ts';
import type { Relation } from './world.ts';

/** As one hides, and while they hide: what may be lost are what they did and what is shown of them. */
const disturbances: readonly (readonly [Relation, Disturbance])[] = [
  ['friend', { slot: 1, kind: 'FENCE' }],
  ['friend', { slot: 1, kind: 'LOSS' }],
  ['friend', { slot: 2, kind: 'FENCE' }],
  ['friend', { slot: 2, kind: 'LOSS' }],
  ['fan', { slot: 2, kind: 'FENCE' }],
  ['fan', { slot: 2, kind: 'LOSS' }],
];

const goesOn: readonly Deeds[] = [
  [
    { do: 'active', device: 1 },
    { do: 'connect', device: 2 },
    { do: 'befriend', whom: 'third' },
  ],
  [{ do: 'active', device: 2 }, { do: 'idle', device: 1 }, waits],
  [{ do: 'active', device: 1 }, waits, { do: 'active', device: 2 }],
  [{ do: 'active', device: 1 }, { do: 'cut', device: 2 }, waits],
];

const hidings: readonly (readonly [string, readonly Deeds[]])[] = [
  ['blocks them', [comes, [blocks], ...goesOn]],
  ['blocks them and leaves', [comes, [blocks, { do: 'logout', device: 1 }]]],
  ['turns invisible', [comes, [hides], ...goesOn]],
  [
    'turns invisible, blocks them and forgives them',
    [comes, [hides, blocks], ...goesOn.slice(0, 2), [{ do: 'unblock', whom: 'viewer' }]],
  ],
];

describe.each(disturbances)('to a %s, after %p, one who', (relation, disturbance) => {
  const expected = once(() => record(relation, nothing, leaves, [disturbance]));

  test.each(hidings)(
    '%s is as one who logs out',
    async (_, deeds) => {
      expectSameBytes(await record(relation, nothing, deeds, [disturbance]), await expected());
    },
    60_000,
  );
});

test.each<Disturbance['kind']>(['FENCE', 'LOSS'])(
  'after a %s one who blocked a stranger who befriended them is as one never seen',
  async (kind) => {
    const disturbance = { slot: 2, kind };
    const befriended: Hiding = (world) =>
      world.act('viewer', () => world.mesh.befriend('viewer', 'subject'));
    const blocked: Hiding = async (world) => {
      await world.act('subject', () => changeEdge(world, 'block', 'viewer'));
      await befriended(world);
    };
    const never = await record('stranger', befriended, [], [disturbance]);
    expectSameBytes(await record('stranger', blocked, [comes, ...goesOn], [disturbance]), never);
  },
  60_000,
);

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
