import { systemClock as clock } from '../../lib/clock.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import { notificationStoreConformance } from '../conformance/notification-store.ts';
import { presenceStoreConformance } from '../conformance/presence-store.ts';
import type { OpenStore } from '../conformance/store-under-test.ts';

const openStore: OpenStore = (options) =>
  Promise.resolve(createMemoryPresenceStore({ ...options, clock }));

presenceStoreConformance(openStore);
notificationStoreConformance(openStore);
