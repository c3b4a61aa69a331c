/**
 * Others make somebody who hides a celebrity, or none any more, or the viewer befriends them: the viewer sees them in
 * another mode then, and it comes as it does of one who left when the other one hid.
 */
import { describe, expect, test } from '@jest/globals';
import { blocks, comes, hides, leaves, nothing, waits } from './deeds.ts';
import { expectSameBytes, record, textOf } from './runs.ts';
import type { Deeds, Disturbance } from './script.ts';
import type { Relation } from './world.ts';

const FLIPS = ['CROWD', 'DESERT'] as const;
const flips = (...kinds: readonly Disturbance['kind'][]): Disturbance[] =>
  kinds.map((kind, i) => ({ slot: 2 + i, kind }));

/** While they hide; at last, how the viewer learns of changes. */
const cases: readonly (readonly [Relation, readonly Disturbance[], string])[] = [
  ['follower', flips('CROWD'), 'MODE_PULL'],
  ['follower', flips(...FLIPS, ...FLIPS), 'MODE_PUSH'],
  ['follower', flips('FENCE', 'CROWD'), 'MODE_PULL'],
  ['follower', flips('CROWD', 'LOSS'), 'MODE_PULL'],
  ['fan', flips('BEFRIEND'), 'MODE_PUSH'],
  ['friend', flips('CROWD'), 'MODE_PUSH'],
];

/** Statuses come and go, which others see, and the last of it before the end of a block. */
const goesOn: readonly Deeds[] = [
  [
    { do: 'say', device: 1, status: 'STATUS_BUSY' },
    { do: 'say', device: 1, status: 'STATUS_AWAY' },
    { do: 'say', device: 1, status: 'STATUS_ONLINE' },
  ],
  [
    { do: 'logout', device: 1 },
    { do: 'connect', device: 2 },
    { do: 'idle', device: 2 },
  ],
  [{ do: 'active', device: 2 }, waits, { do: 'idle', device: 2 }],
];
const staysHidden: readonly Deeds[] = [[{ do: 'connect', device: 2 }], [{ do: 'idle', device: 1 }]];

const hidings: readonly (readonly [string, readonly Deeds[]])[] = [
  ['blocks them', [comes, [blocks], ...goesOn]],
  ['blocks them and leaves', [comes, [blocks, { do: 'logout', device: 1 }]]],
  [
    'turns invisible, blocks them and forgives them',
    [comes, [hides, blocks], ...staysHidden, [{ do: 'unblock', whom: 'viewer' }]],
  ],
];

describe.each(cases)('to a %s, after %j, one who', (relation, disturbances, mode) => {
  const expected = once(() => record(relation, nothing, leaves, disturbances));

  test('logs out is seen in the mode that is right', async () => {
    const answer = textOf(await expected(), 'look-up 3');
    expect(/"userId":"subject"[^}]*"mode":"(\w+)"/.exec(answer)?.[1]).toBe(mode);
  }, 60_000);

  test.each(hidings)(
    '%s is as one who logs out',
    async (_, deeds) => {
      expectSameBytes(await record(relation, nothing, deeds, disturbances), await expected());
    },
    60_000,
  );
});

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
