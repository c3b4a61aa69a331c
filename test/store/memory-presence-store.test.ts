import { systemClock as clock } from '../../lib/clock.ts';
import { createMemoryPresenceStore } from '../../store/memory-presence-store.ts';
import { notificationStoreConformance } from '../conformance/notification-store.ts';
import { presenceStoreConformance, type OpenStore } from '../conformance/presence-store.ts';

const openStore: OpenStore = (options) =>
  Promise.resolve(createMemoryPresenceStore({ ...options, clock }));

presenceStoreConformance(openStore);
notificationStoreConformance(openStore);
