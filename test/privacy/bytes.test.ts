/**
 * Whoever may not be seen is not to be told from somebody who is not there. The same script runs twice, with and
 * without what the hidden one does, in a mesh whose time and randomness are the test's: what the viewer's connections
 * got must be the same bytes, on both subprotocols, as server-sent events and as answers to look-ups.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Status } from '../../gen/presence/v1/presence.ts';
import { expectSameBytes, record, textOf, type Hiding } from './runs.ts';
import { changeEdge, DEEDS_A_SLOT, SLOTS, type Deed, type Deeds } from './script.ts';
import { chooseFor, type Relation } from './world.ts';

const invisible: Hiding = async (world) => {
  await world.act('subject', () => chooseFor(world.mesh, 'subject', Status.STATUS_INVISIBLE));
};
/** Seen before, so that there is a last-active and a version to keep. */
const seenBefore =
  (hide: Hiding): Hiding =>
  async (world) => {
    const device = await world.connect('subject');
    await world.pass(1000);
    await hide(world);
    await world.act('subject', () => device.close());
    await world.pass(1000);
  };
const blocking: Hiding = async (world) => {
  await world.act('subject', () => changeEdge(world, 'block', 'viewer'));
};
const blocked: Hiding = async ({ mesh, act }) => {
  await act('subject', () =>
    mesh.graph.unary((client) => client.block, { userId: 'viewer', blockedUserId: 'subject' }),
  );
};

const DEVICES = [1, 2];
const device = fc.constantFrom(...DEVICES);
const life: readonly fc.Arbitrary<Deed>[] = [
  fc.record({ do: fc.constant('connect' as const), device }),
  fc.record({
    do: fc.constantFrom('disconnect' as const, 'cut' as const, 'logout' as const),
    device,
  }),
  fc.record({ do: fc.constantFrom('idle' as const, 'active' as const), device }),
  fc.record({
    do: fc.constantFrom(...(['befriend', 'unfriend', 'follow', 'unfollow'] as const)),
    whom: fc.constantFrom('third', 'stranger', 'friend'),
  }),
  // Of the friend, who is online, it would move the version: docs/decisions/0008.
  fc.record({
    do: fc.constantFrom('block' as const, 'unblock' as const),
    whom: fc.constantFrom('third', 'stranger'),
  }),
];
const choices = (...statuses: Status[]): fc.Arbitrary<Deed> =>
  fc.record({ do: fc.constant('choose' as const), status: fc.constantFrom(...statuses) });

const deedsOf = (deed: fc.Arbitrary<Deed>): fc.Arbitrary<Deeds[]> =>
  fc.array(fc.array(deed, { minLength: DEEDS_A_SLOT, maxLength: DEEDS_A_SLOT }), {
    minLength: SLOTS,
    maxLength: SLOTS,
  });

/** Anything but what ends being invisible. Blocking the viewer is nothing to be told either, nor is its end. */
const ofInvisible = deedsOf(
  fc.oneof(
    ...life,
    choices(Status.STATUS_INVISIBLE),
    fc.record({
      do: fc.constantFrom('block' as const, 'unblock' as const),
      whom: fc.constant('viewer'),
    }),
  ),
);
const ofBlocking = deedsOf(
  fc.oneof(
    ...life,
    choices(
      ...[Status.STATUS_ONLINE, Status.STATUS_AWAY, Status.STATUS_BUSY, Status.STATUS_INVISIBLE],
      Status.STATUS_UNSPECIFIED,
    ),
  ),
);

const scenarios: readonly (readonly [string, Hiding, fc.Arbitrary<Deeds[]>])[] = [
  ['invisible, never seen', invisible, ofInvisible],
  ['invisible, seen before', seenBefore(invisible), ofInvisible],
  ['blocks the viewer, never seen', blocking, ofBlocking],
  ['blocks the viewer, seen before', seenBefore(blocking), ofBlocking],
  ['blocked by the viewer', seenBefore(blocked), ofBlocking],
];
const relations: readonly Relation[] = ['friend', 'fan'];

describe.each(relations)('the viewer is a %s', (relation) => {
  test.each(scenarios)(
    'of somebody who %s',
    async (_, hide, deeds) => {
      const expected = await record(relation, hide, []);
      const property = fc.asyncProperty(deeds, async (slots) =>
        expectSameBytes(await record(relation, hide, slots), expected),
      );
      await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
    },
    120_000,
  );
});

const RUNS = 3;

/** Seen online until the second slot. */
const seenOnline: Hiding = () => Promise.resolve();
const comes: Deeds = [{ do: 'connect', device: 1 }, { do: 'active', device: 1 }, { do: 'wait' }];
const goesOn: readonly Deeds[] = [
  [
    { do: 'active', device: 1 },
    { do: 'connect', device: 2 },
    { do: 'befriend', whom: 'third' },
  ],
  [
    { do: 'idle', device: 1 },
    { do: 'cut', device: 2 },
    { do: 'active', device: 1 },
  ],
];
const choosesBusy: Deed = { do: 'choose', status: Status.STATUS_BUSY };
const waits: Deed = { do: 'wait' };
const goesSilently: readonly (readonly [string, readonly Deeds[]])[] = [
  [
    'turning invisible',
    [comes, [{ do: 'choose', status: Status.STATUS_INVISIBLE }, waits, waits], ...goesOn],
  ],
  ['blocking', [comes, [{ do: 'block', whom: 'viewer' }, choosesBusy, waits], ...goesOn]],
];

describe.each(relations)('a viewer who is a %s sees a logout and nothing else of', (relation) => {
  test.each(goesSilently)(
    '%s',
    async (_, deeds) => {
      const leaves = [comes, [{ do: 'logout', device: 1 }, waits, waits]] as const;
      const expected = await record(relation, seenOnline, leaves);
      expectSameBytes(await record(relation, seenOnline, deeds), expected);
      expect(textOf(expected, 'proto')).not.toEqual(
        textOf(await record(relation, seenOnline, []), 'proto'),
      );
    },
    60_000,
  );
});
