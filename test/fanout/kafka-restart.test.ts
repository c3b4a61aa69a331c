import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock as clock } from '../../lib/clock.ts';
import { createKafkaBus } from '../../lib/kafka/kafka-bus.ts';
import { createRedisPresenceStore } from '../../store/redis-presence-store.ts';
import { eventually } from '../support/eventually.ts';
import { startKafka, type TestKafka } from '../support/kafka.ts';
import { PATIENT } from '../support/presence-store.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { createRig, SHARDS, type Rig } from './rig.ts';

let redis: TestRedis;
let kafka: TestKafka;
let rig: Rig;
beforeEach(async () => {
  [redis, kafka] = await Promise.all([startRedis(), startKafka()]);
  rig = await createRig({
    store: createRedisPresenceStore({
      ...{ urls: [redis.url], shardCount: SHARDS, leaseTtlMs: 600_000, holdMs: 50, clock },
      ...PATIENT,
    }),
    bus: createKafkaBus({
      ...{ brokers: [kafka.brokers], clientId: 'fanout-test', clock },
      requestTimeoutMs: 20_000,
    }),
  });
}, 120_000);
afterEach(async () => {
  await rig[Symbol.asyncDispose]();
  await Promise.all([redis[Symbol.asyncDispose](), kafka[Symbol.asyncDispose]()]);
});

/** Each version once, where it came first. */
const firsts = (versions: readonly bigint[]): bigint[] => [...new Set(versions)];

test('what changes while the broker is dead arrives when it is back, in order', async () => {
  const gateway = await rig.gateway('gw-1');
  await rig.befriend('alice', 'bob');
  await rig.open('bob', 'gw-1');
  await rig.open('alice', 'gw-1');
  const worker = await rig.worker({ limits: { maxStuckMs: 600_000 } });
  await eventually(() => gateway.seen('bob', 'alice') !== undefined);
  const published = () =>
    rig.transitions.filter(({ userId }) => userId === 'alice').map(({ version }) => version);
  await eventually(() => published().length > 0);
  const wanted = published();
  await kafka.kill();
  for (const chosen of ['BUSY', 'AWAY', 'ONLINE', 'BUSY'] as const) {
    const change = { kind: 'choose' as const, userId: 'alice', chosen, trace: '' };
    wanted.push(BigInt((await rig.store.change(change)).settled.version));
    await eventually(() => worker.readiness.problems().some((line) => line.startsWith('kafka: ')));
  }
  await kafka.start();
  await eventually(() => expect(firsts(published())).toEqual(wanted), { timeoutMs: 120_000 });
  await eventually(() => expect(gateway.seen('bob', 'alice')?.version).toBe(wanted.at(-1)));
  await eventually(async () => (await rig.store.inspect('alice')).outboxLength === 0);
  await eventually(() => worker.readiness.isReady());
}, 300_000);
