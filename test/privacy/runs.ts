/** One run of the script, and what the viewer got in it. */
import { status } from '@grpc/grpc-js';
import { expect } from '@jest/globals';
import { RpcError } from '../../lib/errors.ts';
import type { Recording } from './recordings.ts';
import { play, type Deeds, type Disturbance } from './script.ts';
import { createWorld, type Relation, type World } from './world.ts';

/** What comes before the viewer does: hides the subject, for one. */
export type Hiding = (world: World) => Promise<void>;

type Run = readonly [
  relation: Relation,
  hide: Hiding,
  slots: readonly Deeds[],
  disturbances?: readonly Disturbance[],
];

const MAX_TRIES = 3;

/** Deadlines of calls are the machine's: a run in which it was too busy to answer one says nothing, and is made again. */
export async function record(...run: Run): Promise<Recording> {
  for (let tries = 1; ; tries++) {
    try {
      return await recordOnce(...run);
    } catch (error) {
      const isTooBusy = error instanceof RpcError && error.code === status.DEADLINE_EXCEEDED;
      if (!isTooBusy || tries === MAX_TRIES) throw error;
    }
  }
}

async function recordOnce(...[relation, hide, slots, disturbances]: Run): Promise<Recording> {
  await using world = await createWorld(relation);
  await hide(world);
  await play(world, slots, disturbances);
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
