import { expect, test } from '@jest/globals';
import type { Change, ChangeReply, PresenceStore } from '../../store/presence-store.ts';
import { open } from '../support/edge-client.ts';
import { eventually } from '../support/eventually.ts';
import { addressOf, startInProcessMesh } from './in-process-mesh.ts';

const LEASE_TTL_MS = 600_000;

/** Keeps the first session that is opened to itself until told to go on, as a server does that hangs. */
function hanging(store: PresenceStore) {
  let held: Change | undefined;
  let closes = 0;
  const change = async (what: Change): Promise<ChangeReply> => {
    if (what.kind === 'open' && !held) {
      held = what;
      return new Promise(() => undefined);
    }
    const reply = await store.change(what);
    if (what.kind === 'close') closes++;
    return reply;
  };
  return {
    store: { ...store, change },
    isHolding: () => held !== undefined,
    closes: () => closes,
    goOn: () => store.change(held!),
  };
}

test('a session that is registered only after it was closed is soon closed again', async () => {
  let server: ReturnType<typeof hanging> | undefined;
  await using mesh = await startInProcessMesh({
    leaseTtlMs: LEASE_TTL_MS,
    aroundStore: (store) => (server = hanging(store)).store,
  });
  const gateway = await mesh.addGateway();
  using alice = open(addressOf(gateway), 'alice');
  await eventually(() => server?.isHolding());
  alice.cut();
  await eventually(() => expect(server?.closes()).toBeGreaterThan(0));
  await server?.goOn();
  expect((await mesh.store.inspect('alice')).sessions).toHaveLength(1);
  await eventually(
    async () => {
      const { sessions, settled } = await mesh.store.inspect('alice');
      expect(sessions).toEqual([]);
      return settled.status === 'OFFLINE';
    },
    { timeoutMs: 40_000 },
  );
}, 90_000);
