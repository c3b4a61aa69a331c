/** Presence as a headless service: one name, several processes. */
import { expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { join, startInProcessMesh } from './in-process-mesh.ts';

const LEASE_TTL_MS = 6000;

test('of two presence processes behind one name one dies, and no client notices', async () => {
  const mesh = await startInProcessMesh({ hasSecondPresence: true, leaseTtlMs: LEASE_TTL_MS });
  try {
    await mesh.befriend('alice', 'bob');
    const gateway = await mesh.addGateway();
    using alice = await join(gateway, 'alice');
    using bob = await join(gateway, 'bob');
    await alice.sees('bob', 'STATUS_ONLINE');
    const seen = alice.frames.length;

    await mesh.stopPresence();
    const { nowMs: stoppedAtMs } = await mesh.store.inspect('bob');
    bob.send({ setStatus: { status: 'STATUS_BUSY' } });
    await alice.sees('bob', 'STATUS_BUSY');
    // Heartbeats go on for longer than a lease that ended with the one process would last.
    await eventually(async () => {
      const [session] = (await mesh.store.inspect('bob')).sessions;
      expect(session!.lastBeatMs).toBeGreaterThan(stoppedAtMs + LEASE_TTL_MS);
    });
    using carol = await join(gateway, 'carol');
    expect(carol.closed).toBeUndefined();

    const told = alice.frames.slice(seen).flatMap(({ update }) => update?.presences ?? []);
    expect(told.map(({ status }) => status)).not.toContain('STATUS_OFFLINE');
    expect(alice.closed ?? bob.closed).toBeUndefined();
  } finally {
    await mesh[Symbol.asyncDispose]();
  }
});
