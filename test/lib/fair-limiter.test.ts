import { expect, test } from '@jest/globals';
import { createFairLimiter, type Begun } from '../../lib/fair-limiter.ts';
import { createManualClock } from '../support/manual-clock.ts';

const PATIENCE_MS = 100;
const SETTINGS = { places: 4, placesEach: 2, patienceMs: PATIENCE_MS };
/** The manual clock's chance makes it three quarters of that. */
const SHUT = { baseMs: 1000, maxMs: 4000 };

function start() {
  const clock = createManualClock();
  const limiter = createFairLimiter({ clock, ...SETTINGS, shut: SHUT });
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  /** A task that goes on until it is ended. */
  const hang = (party: string) =>
    limiter.run(party, () => {
      begun.push(party);
      return new Promise<void>((resolve) => ends.push(resolve));
    });
  const quick = (party: string) =>
    limiter.run(party, () => {
      begun.push(party);
      return Promise.resolve();
    });
  return { clock, limiter, begun, ends, hang, quick };
}

/** All that can go on without time going on has. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const kinds = async (results: readonly Promise<Begun<void>>[]): Promise<string[]> =>
  (await Promise.all(results)).map(({ kind }) => kind);

test('a party has so many places, and others theirs', async () => {
  const { begun, hang, quick } = start();
  for (let i = 0; i < 5; i++) void hang('slow');
  await settled();
  expect(begun).toEqual(['slow', 'slow']);
  expect(await kinds([quick('other'), quick('third')])).toEqual(['BEGUN', 'BEGUN']);
});

test('who outlasts patience is shut, what waits for it is turned away, and its task goes on', async () => {
  const { clock, begun, ends, hang } = start();
  const results = [hang('slow'), hang('slow'), hang('slow'), hang('slow')];
  await settled();
  clock.advance(PATIENCE_MS);
  expect(await kinds(results)).toEqual(['BEGUN', 'BEGUN', 'SHUT', 'SHUT']);
  expect(await hang('slow')).toEqual({ kind: 'SHUT', forMs: 750 });
  expect(begun).toHaveLength(2);
  ends[0]!();
  const [first] = await Promise.all(results);
  if (first!.kind === 'BEGUN') await first!.result;
});

test('then one at a time finds out; each time it hangs it is shut for longer', async () => {
  const { clock, begun, hang } = start();
  let forMs = 0;
  for (const expected of [750, 1500, 3000, 3000]) {
    clock.advance(forMs);
    const begunBefore = begun.length;
    const results = [hang('slow'), hang('slow')];
    await settled();
    expect(begun.length - begunBefore).toBe(begunBefore === 0 ? 2 : 1);
    clock.advance(PATIENCE_MS);
    await Promise.all(results);
    const refused = await hang('slow');
    expect(refused).toEqual({ kind: 'SHUT', forMs: expected });
    forMs = expected;
  }
});

test('who was quick again has all places again', async () => {
  const { clock, begun, hang, quick } = start();
  const first = hang('slow');
  await settled();
  clock.advance(PATIENCE_MS);
  await first;
  clock.advance(750);
  expect(await kinds([quick('slow')])).toEqual(['BEGUN']);
  void hang('slow');
  void hang('slow');
  await settled();
  expect(begun).toHaveLength(4);
});

test('one that is slow among many that are quick is forgiven', async () => {
  const { clock, hang, quick } = start();
  for (let i = 0; i < 10; i++) await quick('good');
  for (const kind of ['BEGUN', 'SHUT']) {
    const slow = hang('good');
    await settled();
    clock.advance(PATIENCE_MS);
    await slow;
    expect((await quick('good')).kind).toBe(kind);
  }
});

test('a task that fails is over, and its failure is its own', async () => {
  const { limiter, quick } = start();
  const begun = await limiter.run('bad', () => Promise.reject(new Error('no')));
  if (begun.kind === 'SHUT') throw new Error('shut');
  await expect(begun.result).rejects.toThrow('no');
  expect(await kinds([quick('bad')])).toEqual(['BEGUN']);
});
