/**
 * Last-active is the last sign of life, however its user left: and of those who hide it is what it is of one who logs
 * out at that moment, however long before they sent their last heartbeat, and whether it had been passed on.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Status } from '../../gen/presence/v1/presence.ts';
import { expectSameBytes, record, textOf, type Hiding } from './runs.ts';
import { createHidden, DEED_MS, type Deed, type Deeds } from './script.ts';
import { createWorld, type Relation, type World } from './world.ts';

const waits: Deed = { do: 'wait' };
const comes: Deed = { do: 'connect', device: 1 };
const beats: Deed = { do: 'active', device: 1 };
const idles: Deed = { do: 'idle', device: 1 };
const logsOut: Deed = { do: 'logout', device: 1 };
const hides: Deed = { do: 'say', device: 1, status: 'STATUS_INVISIBLE' };
const blocks: Deed = { do: 'block', whom: 'viewer' };

const nowMs = async ({ mesh }: World) => (await mesh.store.inspect('subject')).nowMs;

/** Longer than the grace and than a beat takes to be passed on. */
const A_WHILE_MS = 1600;

const seenBy = async (world: World) => {
  await world.lookUp('answer');
  const answer = textOf(world.recording, 'answer');
  const [, status, lastActive = ''] =
    /"userId":"subject","status":"STATUS_(\w+)","lastActive":"([^"]+)"/.exec(answer) ?? [];
  return { status, lastActiveMs: Date.parse(lastActive) };
};

describe('last-active as the viewer looks it up is', () => {
  test.each<[string, Deed, number]>([
    ['of the last heartbeat of who drops the connection', { do: 'cut', device: 1 }, DEED_MS],
    ['of the last heartbeat of who closes it', { do: 'disconnect', device: 1 }, DEED_MS],
    ['of the moment when they log out', logsOut, 0],
    ['of the moment when they turn invisible', hides, 0],
    ['of the moment when they block the viewer', blocks, 0],
  ])('%s', async (_, leaves, agoMs) => {
    await using world = await createWorld('friend');
    const hidden = createHidden(world);
    await hidden([comes, beats, leaves]);
    const leftMs = (await nowMs(world)) - DEED_MS;
    await hidden([beats, waits, beats]);
    await world.pass(A_WHILE_MS);
    expect(await seenBy(world)).toEqual({ status: 'OFFLINE', lastActiveMs: leftMs - agoMs });
  });

  test.each<[string, Deed, Deed]>([
    ['who come again', logsOut, comes],
    ['who were invisible', hides, { do: 'say', device: 1, status: 'STATUS_BUSY' }],
    ['who end a block', blocks, { do: 'unblock', whom: 'viewer' }],
  ])('of the moment when they are seen again %s', async (_, leaves, returns) => {
    await using world = await createWorld('friend');
    const hidden = createHidden(world);
    await hidden([comes, beats, leaves]);
    await hidden([waits, beats, returns]);
    const cameMs = (await nowMs(world)) - DEED_MS;
    const { status, lastActiveMs } = await seenBy(world);
    expect(status).not.toBe('OFFLINE');
    expect(lastActiveMs).toBe(cameMs);
  });
});

const nothing: Hiding = () => Promise.resolve();
const relations: readonly Relation[] = ['friend', 'fan'];
const goesOn: readonly Deeds[] = [
  [beats, { do: 'connect', device: 2 }, waits],
  [idles, { do: 'cut', device: 2 }, beats],
];
const hidings: readonly (readonly [string, Deed])[] = [
  ['turns invisible', hides],
  ['is made invisible', { do: 'choose', status: Status.STATUS_INVISIBLE }],
  ['blocks them', blocks],
];
/** Of the first two slots, between coming and going. */
const lives = fc.array(fc.constantFrom(waits, beats, beats, idles), {
  minLength: 4,
  maxLength: 4,
});
const leaving = ([a = waits, b = waits, ...late]: readonly Deed[], how: Deed): readonly Deeds[] => [
  [comes, a, b],
  [...late, how],
];
const RUNS = 2;

describe.each(relations)('to a %s one with any heartbeats before who', (relation) => {
  test.each(hidings)(
    '%s is as one who logs out then',
    async (_, how) => {
      const property = fc.asyncProperty(lives, async (life) => {
        const expected = await record(relation, nothing, leaving(life, logsOut));
        expectSameBytes(
          await record(relation, nothing, [...leaving(life, how), ...goesOn]),
          expected,
        );
      });
      await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
    },
    120_000,
  );
});
