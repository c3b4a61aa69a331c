import { afterAll, beforeAll } from '@jest/globals';
import { TRANSITIONS_TOPIC } from '../../fanout/topics.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { createKafkaBus } from '../../lib/kafka/kafka-bus.ts';
import { createRedisPresenceStore } from '../../store/redis-presence-store.ts';
import { startKafka, type TestKafka } from '../support/kafka.ts';
import { PATIENT } from '../support/presence-store.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { describeResilience } from './resilience.ts';
import { SHARDS } from './rig.ts';

let redis: TestRedis;
let kafka: TestKafka;
beforeAll(async () => {
  [redis, kafka] = await Promise.all([startRedis(), startKafka()]);
}, 120_000);
afterAll(async () => {
  await Promise.all([redis[Symbol.asyncDispose](), kafka[Symbol.asyncDispose]()]);
});

describeResilience('Redis and Kafka', async () => {
  const store = createRedisPresenceStore({
    ...{ urls: [redis.url], shardCount: SHARDS, leaseTtlMs: 600_000, holdMs: 50, clock },
    ...PATIENT,
  });
  const bus = createKafkaBus({
    ...{ brokers: [kafka.brokers], clientId: 'fanout-test', clock },
    requestTimeoutMs: 20_000,
  });
  await bus.deleteTopics([TRANSITIONS_TOPIC]);
  return { store, bus };
});
