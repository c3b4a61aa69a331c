import { createDgraphGraphStore } from '../../graph/dgraph-graph-store.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { describeGraphStore, MAX_FOLLOWERS } from '../conformance/graph-store.ts';
import { sharedDgraph } from '../support/shared-servers.ts';

describeGraphStore('Dgraph', async () => {
  const { port } = await sharedDgraph();
  const address = `127.0.0.1:${port}`;
  return createDgraphGraphStore({ address, clock, maxFollowers: MAX_FOLLOWERS });
});
