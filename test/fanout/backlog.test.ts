import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Status } from '../../gen/presence/v1/presence.ts';
import { status } from '@grpc/grpc-js';
import { GraphServiceClient } from '../../gen/graph/v1/graph_service.ts';
import { systemClock } from '../../lib/clock.ts';
import { RpcError } from '../../lib/errors.ts';
import { createClientPool } from '../../lib/grpc/client.ts';
import { BusError } from '../../lib/kafka/bus.ts';
import { eventually } from '../support/eventually.ts';
import { createSteadyClock, type SteadyClock } from '../support/steady-clock.ts';
import { breakable } from './faults.ts';
import { createRig, type Rig, type TestGateway } from './rig.ts';

let clock: SteadyClock;
let rig: Rig;
let gateway: TestGateway;
beforeEach(async () => {
  clock = createSteadyClock();
  rig = await createRig({ clock });
  gateway = await rig.gateway('gw-1');
  await rig.befriend('alice', 'bob');
  await rig.open('bob', 'gw-1');
});
afterEach(async () => {
  await rig[Symbol.asyncDispose]();
  clock[Symbol.dispose]();
});

const kafkaIsAway = (): Error => new BusError('UNAVAILABLE', 'Kafka is away');
const aliceShard = async () => {
  const { floor, outboxLength } = await rig.store.inspect('alice');
  return { isFenced: floor > 0, outboxLength };
};

test('a backlog that is stuck is thrown away and fenced, and what comes after the hold arrives', async () => {
  const { broken, setDown } = breakable(rig.bus, kafkaIsAway);
  await rig.worker({ bus: broken, limits: { maxStuckMs: 1_000 } });
  setDown(true);
  await rig.open('alice', 'gw-1');
  await eventually(async () => {
    expect(await aliceShard()).toEqual({ isFenced: true, outboxLength: 0 });
  });
  setDown(false);
  await eventually(async () => (await rig.store.inspect('alice')).holdMs === 0);
  await rig.choose('alice', 'BUSY');
  await eventually(() => gateway.seen('bob', 'alice')?.status === Status.STATUS_BUSY);
  await eventually(async () => (await aliceShard()).outboxLength === 0);
});

test('a backlog that is too long is thrown away and fenced', async () => {
  for (const chosen of ['BUSY', 'AWAY', 'ONLINE', 'BUSY'] as const) {
    await rig.open('alice', 'gw-1', 'a');
    await rig.choose('alice', chosen);
  }
  await rig.worker({ limits: { maxBacklog: 3 } });
  await eventually(async () => {
    expect(await aliceShard()).toEqual({ isFenced: true, outboxLength: 0 });
  });
});

test('while graph is away changes wait, and only the last of a subject goes to gateways', async () => {
  using pool = createClientPool({
    ...{ service: GraphServiceClient, name: 'graph', addresses: [rig.graphAddress] },
    clock: systemClock,
  });
  const graph = breakable(pool, () => new RpcError(status.UNAVAILABLE, 'graph is away'));
  graph.setDown(true);
  const worker = await rig.worker({ graph: graph.broken });
  await rig.open('alice', 'gw-1');
  for (const chosen of ['BUSY', 'AWAY', 'BUSY'] as const) await rig.choose('alice', chosen);
  await eventually(() => rig.transitions.filter(({ userId }) => userId === 'alice').length === 4);
  await eventually(() => worker.readiness.problems().includes('graph: graph is away'));
  expect(gateway.deliveries).toEqual([]);
  graph.setDown(false);
  await eventually(() => gateway.seen('bob', 'alice')?.status === Status.STATUS_BUSY);
  await eventually(async () => (await aliceShard()).outboxLength === 0);
  const toBob = gateway.deliveries.filter(({ recipientUserIds }) => recipientUserIds[0] === 'bob');
  expect(toBob).toHaveLength(1);
});

test('an audience that graph refuses blocks nobody else', async () => {
  using pool = createClientPool({
    ...{ service: GraphServiceClient, name: 'graph', addresses: [rig.graphAddress] },
    clock: systemClock,
  });
  await rig.befriend('carol', 'bob');
  const { asking, refusals } = refusing(pool, 'alice');
  const worker = await rig.worker({ graph: { ...pool, asking } });
  await eventually(() => worker.readiness.isReady());
  await rig.open('alice', 'gw-1');
  await rig.open('carol', 'gw-1');
  await eventually(() => gateway.seen('bob', 'carol')?.status === Status.STATUS_ONLINE);
  const before = refusals();
  await eventually(() => refusals() > before);
  expect(worker.readiness.problems()).toEqual([]);
  expect(gateway.seen('bob', 'alice')).toBeUndefined();
});

type Pool = ReturnType<typeof createClientPool<GraphServiceClient>>;

/** Refuses whatever is asked about one user. */
function refusing(
  pool: Pool,
  userId: string,
): { readonly asking: Pool['asking']; refusals(): number } {
  let refusals = 0;
  const refuse = (): Promise<never> => {
    refusals++;
    return Promise.reject(new RpcError(status.INVALID_ARGUMENT, 'subject_user_id: not liked'));
  };
  const asking: Pool['asking'] = (method) => {
    const ask = pool.asking(method);
    return (request, settings) =>
      Object.values(request as object).includes(userId) ? refuse() : ask(request, settings);
  };
  return { asking, refusals: () => refusals };
}
