import { expect, test } from '@jest/globals';
import { viewerGroups } from '../../fanout/audience.ts';
import { Mode, Status } from '../../gen/presence/v1/presence.ts';
import type { GetAudienceResponse } from '../../gen/graph/v1/graph_service.ts';
import { entryOf } from './entries.ts';

const entry = entryOf('alice', 700, { lastActiveMs: 500 });
const audience = (part: Partial<GetAudienceResponse>): GetAudienceResponse => ({
  ...{ groups: [], hidden: [], removedUserIds: [], revision: 1n },
  ...part,
});

test('viewers of a group see the subject as it is, in their mode', () => {
  const groups = [
    { mode: Mode.MODE_PUSH, userIds: ['bob'] },
    { mode: Mode.MODE_PULL, userIds: ['carol', 'dave'] },
  ];
  const seen = { userId: 'alice', status: Status.STATUS_BUSY, version: 700n };
  const lastActive = new Date(500);
  expect(viewerGroups(entry, audience({ groups }))).toEqual(
    groups.map(({ mode, userIds }) => ({
      userIds,
      change: { $case: 'update', value: { ...seen, lastActive, mode } },
      quiet: false,
      viewRevision: 0n,
    })),
  );
});

test('one from whom the subject is hidden sees what was frozen, nothing of now', () => {
  const frozen = { lastActive: new Date(3), version: 9n };
  const hidden = [{ userId: 'eve', frozen, mode: Mode.MODE_PUSH }];
  expect(viewerGroups(entry, audience({ hidden }))).toEqual([
    {
      userIds: ['eve'],
      change: {
        $case: 'update',
        value: {
          ...{ userId: 'alice', status: Status.STATUS_OFFLINE, mode: Mode.MODE_PUSH },
          ...frozen,
        },
      },
      quiet: false,
      viewRevision: 0n,
    },
  ]);
});

test.each([
  ['the floor has not reached that', 8, 0, 9n, new Date(3)],
  ['the floor has risen above it', 20, 9, 20n, new Date(3)],
  ['it is forgotten', 20, 10, 20n, undefined],
])(
  'one from whom it is hidden, when %s: as one who left then',
  (_, floor, forgottenBelow, version, lastActive) => {
    const hidden = [
      { userId: 'eve', frozen: { lastActive: new Date(3), version: 9n }, mode: Mode.MODE_PUSH },
    ];
    const announced = { ...entry, only: ['eve'], horizon: { floor, forgottenBelow } };
    const [group] = viewerGroups(announced, audience({ hidden }));
    expect(group?.change).toMatchObject({
      value: { status: Status.STATUS_OFFLINE, version, lastActive },
    });
  },
);

test('the announcement of a block, before anything is frozen, hides with its own version', () => {
  const hidden = [{ userId: 'eve', frozen: undefined, mode: Mode.MODE_PUSH }];
  const [group] = viewerGroups(entry, audience({ hidden }));
  expect(group?.change).toMatchObject({
    value: { status: Status.STATUS_OFFLINE, version: 700n, lastActive: new Date(500) },
  });
});

test.each([
  ['ALL' as const, [true, true, true]],
  ['VIEW' as const, [true, true, true]],
  ['PULLED' as const, [false, true, true]],
  [undefined, [false, false, false]],
])('quiet for %s', (quiet, expected) => {
  const groups = [
    { mode: Mode.MODE_PUSH, userIds: ['bob'] },
    { mode: Mode.MODE_PULL, userIds: ['carol'] },
  ];
  const hidden = [{ userId: 'eve', frozen: undefined, mode: Mode.MODE_PULL }];
  const announced = entryOf('alice', 1, { only: ['bob', 'carol', 'eve'], quiet });
  const told = viewerGroups(announced, audience({ groups, hidden }));
  expect(told.map((group) => group.quiet)).toEqual(expected);
  const renewed = quiet === 'VIEW' ? BigInt(announced.graphRevision) : 0n;
  expect(told.map((group) => group.viewRevision)).toEqual(Array(3).fill(renewed));
});

test('viewers who do not see the subject any more are told so, and empty groups are none', () => {
  const groups = [{ mode: Mode.MODE_PUSH, userIds: [] }];
  expect(viewerGroups(entry, audience({ groups, removedUserIds: ['x', 'y'] }))).toEqual([
    {
      userIds: ['x', 'y'],
      change: { $case: 'removedUserId', value: 'alice' },
      quiet: false,
      viewRevision: 0n,
    },
  ]);
});

test('a user never seen has no last-active', () => {
  const never = entryOf('alice', 1, { lastActiveMs: 0 });
  const groups = [{ mode: Mode.MODE_PUSH, userIds: ['bob'] }];
  const [group] = viewerGroups(never, audience({ groups }));
  expect(group?.change).toMatchObject({ value: { lastActive: undefined } });
});
