/** Many who wait for one end are no leak; who has ended waits no more. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { systemClock as clock } from '../../lib/clock.ts';
import { createMemoryBus } from '../../lib/kafka/memory-bus.ts';
import { packageRoot } from '../support/package-root.ts';

const MANY = 30;

test('a process in which thirty wait for one end has nothing to say of it', async () => {
  const module = pathToFileURL(join(packageRoot(), 'dist', 'lib', 'abort.js')).href;
  const code = `
    import { createAbortController } from ${JSON.stringify(module)};
    const { signal } = createAbortController();
    for (let i = 0; i < ${MANY}; i++) signal.addEventListener('abort', () => i);`;
  const run = promisify(execFile);
  const { stderr } = await run(process.execPath, ['--input-type=module', '--eval', code]);
  expect(stderr).toBe('');
});

test('thirty read one topic side by side; one that was closed is not told of the end of the topic', async () => {
  await using bus = createMemoryBus({ clock });
  const spec = { partitions: 1, replication: 1, retentionMs: 60_000, segmentMs: 60_000 };
  await bus.ensureTopic('t', spec);
  const crashed: number[] = [];
  const readers = await Promise.all(
    Array.from({ length: MANY }, (_, i) =>
      bus.read('t', {
        from: 'latest',
        onRecord: () => Promise.resolve(),
        onCrash: () => crashed.push(i),
      }),
    ),
  );
  await readers[0]![Symbol.asyncDispose]();
  await bus.deleteTopics(['t']);
  expect(crashed).toEqual(Array.from({ length: MANY - 1 }, (_, i) => i + 1));
});
