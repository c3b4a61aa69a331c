import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Cause } from '../../gen/presence/v1/transition.ts';
import { Mode, Status } from '../../gen/presence/v1/presence.ts';
import type { ReceivedRecord } from '../../lib/kafka/bus.ts';
import { eventually } from '../support/eventually.ts';
import { createRig, type Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await createRig();
});
afterEach(async () => {
  await rig[Symbol.asyncDispose]();
});

test('a change reaches the connected friends, through their gateways only', async () => {
  const [first, second, empty] = [
    await rig.gateway('gw-1'),
    await rig.gateway('gw-2'),
    await rig.gateway('gw-3'),
  ];
  for (const friend of ['bob', 'carol', 'dave', 'away']) await rig.befriend('alice', friend);
  await rig.open('bob', 'gw-1');
  await rig.open('carol', 'gw-2');
  await rig.open('dave', 'gw-2');
  await rig.open('stranger', 'gw-3');
  await rig.worker();
  await rig.open('alice', 'gw-1');
  await rig.choose('alice', 'BUSY');
  const busy = { status: Status.STATUS_BUSY, mode: Mode.MODE_PUSH };
  await eventually(() => expect(first.seen('bob', 'alice')).toMatchObject(busy));
  await eventually(() => expect(second.seen('carol', 'alice')).toMatchObject(busy));
  const toSecond = second.deliveries.filter(
    ({ change }) => change?.$case === 'update' && change.value.userId === 'alice',
  );
  for (const delivery of toSecond) {
    expect([...delivery.recipientUserIds].sort()).toEqual(['carol', 'dave']);
    expect(delivery.settledAt).toBeInstanceOf(Date);
  }
  expect(empty.deliveries).toEqual([]);
  await eventually(() => {
    expect(rig.transitions.filter(({ userId }) => userId === 'alice')).toMatchObject([
      { status: Status.STATUS_ONLINE, cause: Cause.CAUSE_OPENED },
      { status: Status.STATUS_BUSY, cause: Cause.CAUSE_CHOSEN },
    ]);
  });
});

test('the trace of the cause is in the headers', async () => {
  const gateway = await rig.gateway('gw-1');
  await rig.befriend('alice', 'bob');
  await rig.open('bob', 'gw-1');
  await rig.worker();
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  await rig.change({ kind: 'choose', userId: 'bob', chosen: 'AWAY', trace: '' });
  await rig.open('alice', 'gw-1');
  await rig.change({ kind: 'choose', userId: 'alice', chosen: 'BUSY', trace });
  await eventually(() => gateway.seen('bob', 'alice')?.status === Status.STATUS_BUSY);
  // What bob's own change makes may come before it or after it.
  const headers = { traceparent: trace };
  const traced = (records: readonly ReceivedRecord[]) =>
    records.filter((record) => record.headers?.['traceparent'] === trace);
  expect(traced(gateway.records)).toMatchObject([{ key: 'alice', headers }]);
  await eventually(() => {
    expect(traced(rig.transitionRecords)).toMatchObject([{ key: 'alice', headers }]);
  });
});

test('what is acknowledged leaves the outbox, and nothing stays in it', async () => {
  const gateway = await rig.gateway('gw-1');
  await rig.befriend('alice', 'bob');
  await rig.open('bob', 'gw-1');
  await rig.worker();
  for (const chosen of ['BUSY', 'AWAY', 'ONLINE', 'BUSY'] as const) {
    await rig.open('alice', 'gw-1', 'only');
    await rig.choose('alice', chosen);
  }
  await eventually(() => gateway.seen('bob', 'alice')?.status === Status.STATUS_BUSY);
  await eventually(async () => (await rig.store.inspect('alice')).outboxLength === 0);
  await eventually(async () => (await rig.store.inspect('bob')).outboxLength === 0);
});

test('an unfriended viewer loses the subject, a blocked one sees it offline', async () => {
  const gateway = await rig.gateway('gw-1');
  await rig.befriend('alice', 'bob');
  await rig.befriend('alice', 'carol');
  for (const user of ['alice', 'bob', 'carol']) await rig.open(user, 'gw-1');
  await rig.worker();
  await eventually(() => gateway.seen('carol', 'alice')?.status === Status.STATUS_ONLINE);
  await rig.graph.change({ kind: 'BLOCK', from: 'alice', to: 'carol' });
  await rig.change({
    ...{ kind: 'announce', userId: 'alice', only: ['carol'], graphRevision: '0', trace: '' },
  });
  await eventually(() => gateway.seen('carol', 'alice')?.status === Status.STATUS_OFFLINE);
  expect(gateway.seen('bob', 'alice')?.status).toBe(Status.STATUS_ONLINE);
  await rig.graph.change({ kind: 'UNFRIEND', from: 'alice', to: 'bob' });
  await rig.change({
    ...{ kind: 'announce', userId: 'alice', only: ['bob'], graphRevision: '0', trace: '' },
  });
  await eventually(() =>
    expect(gateway.deliveries).toContainEqual(
      expect.objectContaining({
        recipientUserIds: ['bob'],
        change: { $case: 'removedUserId', value: 'alice' },
      }),
    ),
  );
  expect(rig.transitions.some(({ cause }) => cause === Cause.CAUSE_ANNOUNCED)).toBe(false);
});
