import { expect, test } from '@jest/globals';
import { Handover } from '../../presence/handover.ts';

const handover = () => new Handover<number>(new AbortController().signal);

async function takeOne(from: AsyncIterable<number>): Promise<number | undefined> {
  for await (const item of from) return item;
  return undefined;
}

test('hands out in order; the giver goes on once the taker has come back for more', async () => {
  const items = handover();
  const given = [1, 2, 3].map((item) => items.give(item));
  const taken: number[] = [];
  for await (const item of items) {
    taken.push(item);
    if (item === 3) items.end();
  }
  await Promise.all(given);
  expect(taken).toEqual([1, 2, 3]);
});

test('a taker that leaves with an item keeps its giver no longer', async () => {
  const items = handover();
  const given = items.give(1);
  expect(await takeOne(items)).toBe(1);
  await given;
});

test('nor does one that fails', async () => {
  const items = handover();
  const given = items.give(1);
  const failing = async (): Promise<void> => {
    for await (const item of items) throw new Error(`cannot take ${item}`);
  };
  await expect(failing()).rejects.toThrow('cannot take 1');
  await given;
});

test('who gives after the end, or to a caller that was gone before, waits for nobody', async () => {
  const ended = handover();
  ended.end();
  await ended.give(1);
  const gone = new Handover<number>(AbortSignal.abort());
  await gone.give(1);
  expect(await takeOne(gone)).toBeUndefined();
});
