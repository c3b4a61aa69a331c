/** A fresh store for each group of the conformance suite of the PresenceStore port. */
import { afterAll, beforeAll } from '@jest/globals';
import type { NotificationLimits } from '../../store/notification-store.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { untilNoHold } from '../support/presence-store.ts';

export interface StoreOptions {
  readonly leaseTtlMs: number;
  readonly shardCount: number;
  readonly holdMs: number;
  readonly notificationLimits?: Partial<NotificationLimits>;
}

/** A fresh store without any data. */
export type OpenStore = (options: StoreOptions) => Promise<PresenceStore>;

export const HOLD_MS = 100;
export const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** To be called in a `describe`; the store is there in its tests. */
export function useStore(openStore: OpenStore, options: StoreOptions): () => PresenceStore {
  let store: PresenceStore;
  beforeAll(async () => {
    store = await openStore(options);
    await untilNoHold(store);
  });
  afterAll(async () => {
    await store[Symbol.asyncDispose]();
  });
  return () => store;
}
