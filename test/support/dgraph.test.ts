import { expect, test } from '@jest/globals';
import { isPortTaken } from '../../cli/stack/probes.ts';
import { startDgraph } from './dgraph.ts';

test('a Dgraph starts and leaves nothing behind', async () => {
  const dgraph = await startDgraph();
  expect(dgraph.url).toBe(`dgraph://127.0.0.1:${dgraph.port}`);
  await dgraph[Symbol.asyncDispose]();
  const taken = await Promise.all(dgraph.spec.ports.map(isPortTaken));
  expect(taken).not.toContain(true);
});
