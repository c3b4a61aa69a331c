import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createOutlet } from '../../fanout/outlet.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import type { BusRecord } from '../../lib/kafka/bus.ts';

const record = (n: number): BusRecord => ({ value: Uint8Array.of(n) });

function outletOver(send: (values: number[]) => Promise<void>, mayRetry = () => true) {
  const stop = new AbortController();
  let failures = 0;
  let idle = 0;
  let dropped = 0;
  const outlet = createOutlet({
    topic: 't',
    lingerMs: 0,
    bus: { send: (_, records) => send(records.map(({ value }) => value[0] ?? -1)) },
    clock: { ...clock, sleep: () => Promise.resolve() },
    mayRetry: () => Promise.resolve(mayRetry()),
    onSent: () => undefined,
    onFailure: () => {
      failures++;
    },
    onDropped: (records) => {
      dropped += records;
    },
    onIdle: () => {
      idle++;
    },
    signal: stop.signal,
  });
  return {
    ...{ outlet, stop, failures: () => failures, idle: () => idle },
    dropped: () => dropped,
  };
}

test('whatever fails, records arrive in order, each acknowledged one exactly once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.boolean(), { maxLength: 30 }),
      fc.integer({ min: 1, max: 40 }),
      async (outcomes, count) => {
        const written: number[] = [];
        const { outlet } = outletOver((values) => {
          if (outcomes.pop()) return Promise.reject(new Error('down'));
          written.push(...values);
          return Promise.resolve();
        });
        const wanted = Array.from({ length: count }, (_, i) => i);
        const pushes: Promise<void>[] = [];
        for (const n of wanted) {
          pushes.push(outlet.push(record(n), () => true));
          if (n % 3 === 0) await Promise.resolve();
        }
        await Promise.all(pushes);
        expect(written).toEqual(wanted);
      },
    ),
  );
});

test('records pushed meanwhile go in one request', async () => {
  const batches: number[][] = [];
  const { outlet, idle } = outletOver((values) => {
    batches.push(values);
    return Promise.resolve();
  });
  await Promise.all([1, 2, 3].map((n) => outlet.push(record(n), () => true)));
  expect(batches).toEqual([[1, 2, 3]]);
  expect(idle()).toBe(1);
});

test('a record not wanted any more is tried once', async () => {
  let down = true;
  const batches: number[][] = [];
  const { outlet } = outletOver((values) => {
    batches.push(values);
    const isDown = down;
    down = false;
    return isDown ? Promise.reject(new Error('down')) : Promise.resolve();
  });
  await Promise.all([outlet.push(record(1), () => false), outlet.push(record(2), () => true)]);
  expect(batches).toEqual([[1, 2], [2]]);
});

test('when nobody is left to read, everything counts as acknowledged', async () => {
  const { outlet, failures } = outletOver(
    () => Promise.reject(new Error('no topic')),
    () => false,
  );
  await Promise.all([1, 2].map((n) => outlet.push(record(n), () => true)));
  expect(failures()).toBe(1);
});
