import { expect, test } from '@jest/globals';
import type { PresenceStore } from '../../store/presence-store.ts';
import { eventually } from '../support/eventually.ts';
import { join, startInProcessMesh } from './in-process-mesh.ts';

const PATIENCE = { timeoutMs: 30_000 };

test('a gateway whose beats presence cannot keep says so, until it can', async () => {
  let isFull = false;
  const filling = (store: PresenceStore): PresenceStore => ({
    ...store,
    beat: (shard, beats) =>
      isFull
        ? Promise.reject(Object.assign(new Error('it has no memory left'), { code: 'UNAVAILABLE' }))
        : store.beat(shard, beats),
  });
  await using mesh = await startInProcessMesh({ leaseTtlMs: 60_000, aroundStore: filling });
  const gateway = await mesh.addGateway();
  using alice = await join(gateway, 'alice');
  isFull = true;
  await eventually(
    () => expect(gateway.problems().join()).toMatch(/presence: .*it has no memory left/),
    PATIENCE,
  );
  isFull = false;
  await eventually(() => expect(gateway.problems()).toEqual([]), PATIENCE);
  expect(alice.closed).toBeUndefined();
}, 90_000);
