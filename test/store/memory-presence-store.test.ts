import { systemClock as clock } from '../../lib/clock.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import { presenceStoreConformance } from '../conformance/presence-store.ts';

presenceStoreConformance((options) =>
  Promise.resolve(createMemoryPresenceStore({ ...options, clock })),
);
