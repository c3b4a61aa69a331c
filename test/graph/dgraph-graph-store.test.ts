import { afterAll, beforeAll } from '@jest/globals';
import { createDgraphGraphStore } from '../../graph/dgraph-graph-store.ts';
import { systemClock } from '../../lib/clock.ts';
import { describeGraphStore, MAX_FOLLOWERS } from '../conformance/graph-store.ts';
import { startDgraph, type TestDgraph } from '../support/dgraph.ts';

let dgraph: TestDgraph;
beforeAll(async () => {
  dgraph = await startDgraph();
}, 240_000);
afterAll(async () => {
  await dgraph[Symbol.asyncDispose]();
});

describeGraphStore('Dgraph', () =>
  Promise.resolve(
    createDgraphGraphStore({
      address: `127.0.0.1:${dgraph.port}`,
      clock: systemClock,
      maxFollowers: MAX_FOLLOWERS,
    }),
  ),
);
