import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { inTime, watchStandstill, type Standstill } from '../../../lib/grpc/standstill.ts';
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

const done = (): boolean => {
  try {
    standstill.check();
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: status.ABORTED, message: expect.stringMatching(/again$/) });
    return false;
  }
};

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

test('a handler of changes is not called', async () => {
  const asked: string[] = [];
  const handle = inTime(standstill, (request: string) => Promise.resolve(asked.push(request)));
  const context = { metadata: expect.anything() as never, signal: new AbortController().signal };
  await handle('a', context);
  stoodMs += 300;
  expect(() => handle('b', context)).toThrow(/stood still/);
  expect(asked).toEqual(['a']);
});
