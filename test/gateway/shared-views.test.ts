import { expect, test } from '@jest/globals';
import { SharedViews } from '../../gateway/upstreams/shared-views.ts';
import type { View, ViewRequest } from '../../gateway/upstreams/snapshot.ts';
import { createManualClock } from '../support/manual-clock.ts';

interface Reading extends ViewRequest {
  readonly end: () => void;
  readonly fail: () => void;
}

/** Views that are read for as long as the test wants. */
function createRig(places = 8) {
  const clock = createManualClock();
  const readings: Reading[] = [];
  const read = (request: ViewRequest): Promise<View> =>
    new Promise((resolve, reject) => {
      const end = () => resolve({ frames: [], holdMs: 0 });
      readings.push({ ...request, end, fail: () => reject(new Error('no')) });
    });
  const views = new SharedViews({ clock, places, read });
  const ask = (viewerUserId: string, minRevision = 0n, isWanted = () => true): Promise<View> =>
    views.read({ viewerUserId, minRevision, isWanted });
  return { clock, readings, ask };
}

/** Everything that can go on without time passing has gone on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a user’s sessions that wait share one view, which satisfies all of them', async () => {
  const { readings, ask } = createRig();
  const first = ask('big', 3n);
  await settled();
  const others = [ask('big', 5n), ask('big', 9n), ask('big', 7n)];
  await settled();
  expect(readings).toMatchObject([{ viewerUserId: 'big', minRevision: 3n }]);
  readings[0]?.end();
  await first;
  await settled();
  expect(readings).toHaveLength(2);
  expect(readings[1]).toMatchObject({ viewerUserId: 'big', minRevision: 9n });
  readings[1]?.end();
  const [one, ...rest] = await Promise.all(others);
  expect(rest.every((view) => view === one)).toBe(true);
  expect(await first).not.toBe(one);
});

test('a user has one place, however many sessions of theirs ask', async () => {
  const { readings, ask } = createRig(2);
  const big = Array.from({ length: 20 }, () => ask('big'));
  await settled();
  big.push(...Array.from({ length: 20 }, () => ask('big')));
  const small = ask('small');
  await settled();
  expect(readings.map(({ viewerUserId }) => viewerUserId)).toEqual(['big', 'small']);
  readings[1]?.end();
  await small;
  readings[0]?.end();
  await settled();
  readings[2]?.end();
  await Promise.all(big);
  expect(readings).toHaveLength(3);
});

test('views of one user, asked for one after the other, are read once a second after the first ten', async () => {
  const { clock, readings, ask } = createRig();
  const views = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const view = ask('big');
      await settled();
      readings.at(-1)?.end();
      await view;
    }
  };
  await views(10);
  const eleventh = ask('big');
  await settled();
  clock.advance(999);
  await settled();
  expect(readings).toHaveLength(10);
  const small = ask('small');
  await settled();
  expect(readings.at(-1)).toMatchObject({ viewerUserId: 'small' });
  clock.advance(1);
  await settled();
  expect(readings.at(-1)).toMatchObject({ viewerUserId: 'big' });
  for (const { end } of readings) end();
  await Promise.all([eleventh, small]);
  clock.advance(10_000);
  await views(10);
  expect(readings).toHaveLength(22);
});

test('one that failed is told to all who waited for it, does not count, and is followed by the next', async () => {
  const { readings, ask } = createRig();
  for (let i = 0; i < 30; i++) {
    const both = [ask('big'), ask('big')];
    await settled();
    readings.at(-1)?.fail();
    for (const view of both) await expect(view).rejects.toThrow('no');
  }
  expect(readings).toHaveLength(30);
  const failing = ask('big');
  await settled();
  const next = ask('big');
  readings.at(-1)?.fail();
  await expect(failing).rejects.toThrow('no');
  await settled();
  readings.at(-1)?.end();
  await next;
});

test('nothing is read for sessions that are over, nor for what they wanted', async () => {
  const { readings, ask } = createRig();
  const over = () => false;
  await expect(ask('gone', 1n, over)).rejects.toThrow('are over');
  expect(readings).toEqual([]);
  const there = [ask('half', 2n), ask('half', 4n, over)];
  await settled();
  expect(readings).toMatchObject([{ minRevision: 2n }]);
  readings[0]?.end();
  await Promise.all(there);
});
