/** One run of the script, and what the viewer got in it. */
import { expect } from '@jest/globals';
import type { Recording } from './recordings.ts';
import { play, type Deeds, type Disturbance } from './script.ts';
import { createWorld, type Relation, type World } from './world.ts';

/** What comes before the viewer does: hides the subject, for one. */
export type Hiding = (world: World) => Promise<void>;

export async function record(
  relation: Relation,
  hide: Hiding,
  slots: readonly Deeds[],
  disturbance?: Disturbance,
): Promise<Recording> {
  await using world = await createWorld(relation);
  await hide(world);
  await play(world, slots, disturbance);
  return new Map([...world.recording].map(([channel, parts]) => [channel, [...parts]]));
}

/** Message for message in words first, so that a difference can be read. */
export function expectSameBytes(actual: Recording, expected: Recording): void {
  const words = (recording: Recording) =>
    [...recording].map(([channel, parts]) => [channel, Buffer.concat(parts).toString()]);
  expect(words(actual)).toEqual(words(expected));
  for (const [channel, parts] of expected) {
    expect(Buffer.concat(actual.get(channel) ?? []).equals(Buffer.concat(parts))).toBe(true);
  }
}

export const textOf = (recording: Recording, channel: string): string =>
  Buffer.concat(recording.get(channel) ?? []).toString('latin1');
