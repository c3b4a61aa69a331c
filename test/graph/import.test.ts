/** `mesh import` against a graph process. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { importFile } from '../../cli/import.ts';
import type { Progress } from '../../cli/import-progress.ts';
import { createMemoryGraphStore } from '../../graph/memory-graph-store.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { startGraph, type TestGraph } from './support.ts';

const silent: Progress = {
  waiting: () => undefined,
  start: () => undefined,
  sent: () => undefined,
  end: () => undefined,
};

describe('mesh import', () => {
  let graph: TestGraph;
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'presence-mesh-test-import-'));
    const store = createMemoryGraphStore({ clock, maxFollowers: 5000 });
    graph = await startGraph({ store, presenceAddress: '127.0.0.1:1' });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const run = async (text: string | Buffer): Promise<string> => {
    const file = join(dir, 'edges.tsv');
    await writeFile(file, text);
    return importFile(file, [graph.address], silent);
  };

  test('loads friends and followers, CRLF, repetitions and a last line without an end', async () => {
    const summary = await run('a\tb\r\na\tb\r\nb\ta\r\nc\ta\tfollows');
    expect(summary).toMatch(/^imported 4 edges of 3 users in .* s/);
    expect((await graph.contacts('a')).map(({ userId }) => userId)).toEqual(['b']);
    expect((await graph.contacts('c')).map(({ userId }) => userId)).toEqual(['a']);
  });

  test('a byte order mark before UTF-8 is passed over', async () => {
    expect(await run('\uFEFFm1\tm2\n')).toMatch(/^imported 1 edge of 2 users/);
    expect((await graph.contacts('m1')).map(({ userId }) => userId)).toEqual(['m2']);
  });

  test('a byte order mark within, where a second file begins, is passed over', async () => {
    const joined = '\uFEFFm3\tm4\n\uFEFFm5\tm6\n';
    expect(await run(joined)).toMatch(/^imported 2 edges of 4 users/);
    expect((await graph.contacts('m5')).map(({ userId }) => userId)).toEqual(['m6']);
  });

  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['no tab', 'x1 y1\n', /line 1: has no tab: "x1 y1"/],
    ['an empty line', 'x1\ty1\n\nx1\tz1\n', /line 2: is empty/],
    ['a bad id', 'x1\ty1\nx1\tz 1\n', /line 2: "z 1" is no user id; an id is 1 to 128 of/],
    ['a missing id', 'x1\t\n', /line 1: a user id is missing/],
    ['a self-edge', 'x1\ty1\nx1\tx1\n', /line 2: x1 cannot be their own friend or follower/],
    ['a third column', 'x1\ty1\tlikes\n', /line 1: the third column is "likes"/],
    ['a fourth column', 'x1\ty1\tfollows\t1\n', /line 1: has 4 columns/],
    ['nothing', '', /has no lines/],
    ['a byte order mark and nothing', '\uFEFF', /has no lines/],
  ];
  test.each(wrong)(
    '%s is an error with its line, and nothing is imported',
    async (_, text, says) => {
      await expect(run(text)).rejects.toThrow(says);
      expect(await graph.contacts('x1')).toEqual([]);
    },
  );

  test('UTF-16 is named', async () => {
    const utf16 = run(Buffer.from('\uFEFFx1\ty1\n', 'utf16le'));
    await expect(utf16).rejects.toThrow(/is UTF-16; save it as UTF-8/);
  });

  test('many wrong lines: the first ten by number, the rest counted', async () => {
    const failure = await run('bad\n'.repeat(25)).catch((error: unknown) => String(error));
    expect(failure).toContain('line 10:');
    expect(failure).not.toContain('line 11:');
    expect(failure).toContain('15 more wrong lines');
    expect(failure).toContain('Nothing was imported.');
  });

  test('no file, no graph: says which', async () => {
    await expect(importFile(join(dir, 'none.tsv'), [graph.address], silent)).rejects.toThrow(
      /none\.tsv/,
    );
    const address = `127.0.0.1:${await freePort()}`;
    const file = join(dir, 'one.tsv');
    await writeFile(file, 'a\tb\n');
    await expect(importFile(file, [address], silent, 0)).rejects.toThrow(
      `No graph process answers at ${address}`,
    );
  });

  test('graph may have been started a moment ago', async () => {
    const port = await freePort();
    const file = join(dir, 'early.tsv');
    await writeFile(file, 'early\tbird\n');
    const waited: string[] = [];
    const progress = { ...silent, waiting: (where: string) => void waited.push(where) };
    const imported = importFile(file, [`127.0.0.1:${port}`], progress, 120_000);
    await eventually(() => waited.length > 0);
    const store = createMemoryGraphStore({ clock, maxFollowers: 5000 });
    await using late = await startGraph({ store, presenceAddress: '127.0.0.1:1', port });
    expect(await imported).toMatch(/^imported 1 edge of 2 users/);
    expect((await late.contacts('early')).map(({ userId }) => userId)).toEqual(['bird']);
    expect(waited).toEqual([`127.0.0.1:${port}`]);
  }, 240_000);

  test('a longer stream than one transaction takes is stored in batches', async () => {
    const lines = Array.from({ length: 200_001 }, (_, i) => `hub\tn${i}\n`);
    expect(await run(lines.join(''))).toMatch(/^imported 200,001 edges of 200,002 users/);
    const pages = await graph.pages({ userId: 'hub', pageSize: 1000 });
    expect(pages).toHaveLength(201);
  });
});
