import { createMemoryGraphStore } from '../../graph/memory-graph-store.ts';
import { systemClock } from '../../lib/clock.ts';
import { describeGraphStore, MAX_FOLLOWERS } from '../conformance/graph-store.ts';

describeGraphStore('in process', () =>
  Promise.resolve(createMemoryGraphStore({ clock: systemClock, maxFollowers: MAX_FOLLOWERS })),
);
