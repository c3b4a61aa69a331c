import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Metadata, status } from '@grpc/grpc-js';
import {
  inTime,
  neverLate,
  watchStandstill,
  type Standstill,
} from '../../../lib/grpc/standstill.ts';
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts';

let clock: ManualClock;
/** How long timers were kept from running, ms. */
let stoodMs: number;
let standstill: Standstill;

beforeEach(() => {
  clock = createManualClock();
  stoodMs = 0;
  standstill = watchStandstill({ ...clock, monotonic: () => clock.monotonic() + stoodMs });
});
afterEach(() => standstill[Symbol.dispose]());

const done = (): boolean => standstill.catchingUp() === undefined;

test('while time passes as it should, everything is done', () => {
  for (let i = 0; i < 100; i++) {
    expect(done()).toBe(true);
    clock.advance(17);
  }
});

test('after a standstill nothing is done, whether timers or sockets come first, until it has caught up', () => {
  clock.advance(1000);
  stoodMs += 300;
  expect(done()).toBe(false);
  clock.advance(100);
  expect(done()).toBe(false);
  clock.advance(100);
  expect(done()).toBe(false);
  clock.advance(300);
  expect(done()).toBe(true);
});

describe('what came late', () => {
  let asked: string[];
  let giveUp: AbortController;
  const context = () => ({ metadata: new Metadata(), signal: giveUp.signal });
  const handle = (request: string) => Promise.resolve(asked.push(request));
  beforeEach(() => {
    asked = [];
    giveUp = new AbortController();
  });

  test('a call waits until it has caught up, and is dropped if its caller has gone', async () => {
    const call = inTime(standstill, handle);
    await call('a', context());
    stoodMs += 300;
    const waits = call('b', context());
    giveUp = new AbortController();
    const isGone = call('c', context());
    giveUp.abort();
    expect(asked).toEqual(['a']);
    clock.advance(300);
    await waits;
    await expect(isGone).rejects.toMatchObject({ name: 'AbortError' });
    expect(asked).toEqual(['a', 'b']);
  });

  test('a question is refused', async () => {
    const question = neverLate(standstill, handle);
    await question('a', context());
    stoodMs += 300;
    await expect(question('b', context())).rejects.toMatchObject({
      code: status.ABORTED,
      message: expect.stringMatching(/ask again$/),
    });
    expect(asked).toEqual(['a']);
  });
});
