/**
 * Random histories of the whole mesh, in which the test owns time and randomness and anything may break: see
 * history.ts for what can happen, oracle.ts for what must be seen, checks.ts for when.
 *
 *   SIMULATION_RUNS=1000   so many histories, each time others, instead of the same few
 *   SIMULATION_SEED=42     the histories of that seed, as a failure tells it
 *   SIMULATION_PATH=7      of that seed only this one, as a failure tells it
 *
 * A history is played again to the step and to the millisecond; in which order calls under way at the same time end is
 * the operating system's too, so that a race may take a few tries to be seen again. Data that the store loses is not
 * among what breaks: the in-process adapter has none to lose. Its fence is, with all that follows.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { history, type History } from './history.ts';
import { onceFailed } from './once-failed.ts';
import { World } from './world.ts';

/** That `npm test` says the same of the same code. */
const RUNS = 15;
const SEED = 1;

async function play({ seed, steps }: History): Promise<void> {
  await using world = await World.start(seeded(seed));
  for (const step of steps) await world.do(step);
  await world.finish();
}

/** Mulberry32: small, and good enough for jitter. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const { SIMULATION_RUNS, SIMULATION_SEED, SIMULATION_PATH } = process.env;
const runs = Number(SIMULATION_RUNS ?? RUNS);
const seed = SIMULATION_SEED ? Number(SIMULATION_SEED) : SIMULATION_RUNS ? undefined : SEED;

test(
  'whatever happens, everybody sees what they may, and in the end what is so',
  async () => {
    await fc.assert(fc.asyncProperty(history, play), {
      numRuns: runs,
      endOnFailure: true,
      examples: onceFailed.map((one): [History] => [one]),
      ...(seed !== undefined && { seed }),
      ...(SIMULATION_PATH && { path: SIMULATION_PATH }),
    });
    expect(runs).toBeGreaterThan(0);
  },
  120_000 + runs * 20_000,
);
