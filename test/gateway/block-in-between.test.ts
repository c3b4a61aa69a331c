/** Somebody who is looked up blocks the one who asks while that is being answered. */
import { expect, test } from '@jest/globals';
import { Status } from '../../gen/presence/v1/presence.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { addressOf, join, startInProcessMesh } from './in-process-mesh.ts';

test('a block between the two reads of a look-up hides what the blocker did since', async () => {
  let onLookup: (() => Promise<void>) | undefined;
  const aroundStore = (store: PresenceStore): PresenceStore => ({
    ...store,
    lookup: async (shard, userIds) => {
      const meanwhile = userIds.includes('blocker') ? onLookup : undefined;
      if (meanwhile) onLookup = undefined;
      await meanwhile?.();
      return store.lookup(shard, userIds);
    },
  });
  await using mesh = await startInProcessMesh({ aroundStore });
  const gateway = await mesh.addGateway();
  await mesh.befriend('viewer', 'blocker');
  using blocker = await join(gateway, 'blocker');
  onLookup = async () => {
    const edge = { userId: 'blocker', blockedUserId: 'viewer' };
    await mesh.graph.unary((client) => client.block, edge);
    const change = { $case: 'chosen', value: Status.STATUS_BUSY } as const;
    await mesh.presence.unary((client) => client.setStatus, { userId: 'blocker', change });
  };
  const path = '/v1/presence?user_id=blocker&access_token=dev:viewer';
  const response = await fetch(`http://${addressOf(gateway)}${path}`, {
    headers: { connection: 'close' },
  });
  expect(onLookup).toBeUndefined();
  expect(await response.json()).toMatchObject({
    presences: [{ userId: 'blocker', status: 'STATUS_OFFLINE' }],
  });
  expect(blocker.closed).toBeUndefined();
});
