import { systemClock as clock } from '../../lib/clock.ts';
import { createRedisPresenceStore } from '../../store/redis-presence-store.ts';
import { notificationStoreConformance } from '../conformance/notification-store.ts';
import { presenceStoreConformance } from '../conformance/presence-store.ts';
import type { OpenStore } from '../conformance/store-under-test.ts';
import { PATIENT } from '../support/presence-store.ts';
import { startRedis } from '../support/redis.ts';

const openStore: OpenStore = async (options) => {
  const redis = await startRedis();
  const store = createRedisPresenceStore({ ...options, ...PATIENT, urls: [redis.url], clock });
  return {
    ...store,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    },
  };
};

presenceStoreConformance(openStore);
notificationStoreConformance(openStore);
