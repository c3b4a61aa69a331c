import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemClock as clock } from '../../../lib/clock.ts';
import { BusError, type MessageBus } from '../../../lib/kafka/bus.ts';
import { createKafkaBus } from '../../../lib/kafka/kafka-bus.ts';
import { eventually } from '../../support/eventually.ts';
import { startKafka, type TestKafka } from '../../support/kafka.ts';

const SPEC = { partitions: 1, replication: 1, retentionMs: 600_000, segmentMs: 600_000 };
let kafka: TestKafka;
let bus: MessageBus;
const interruptions: string[] = [];

beforeAll(async () => {
  kafka = await startKafka();
  bus = createKafkaBus({
    brokers: [kafka.brokers],
    clientId: 'test',
    clock,
    requestTimeoutMs: 20_000,
    onInterruption: (topic) => void interruptions.push(topic),
  });
}, 120_000);
afterAll(async () => {
  await bus[Symbol.asyncDispose]();
  await kafka[Symbol.asyncDispose]();
});

test('a reader and a writer go on by themselves when the broker was killed and is back', async () => {
  const topic = 'restart-test';
  await bus.ensureTopic(topic, SPEC);
  const received: string[] = [];
  const reader = await bus.read(topic, {
    from: 'earliest',
    onRecord: ({ value }) => void received.push(Buffer.from(value).toString()),
    onCrash: (error) => {
      throw error;
    },
  });
  const write = (text: string) => bus.send(topic, [{ value: Buffer.from(text) }]);
  await write('before');
  await eventually(() => expect(received).toEqual(['before']));
  await kafka.kill();
  const failure = await write('lost').catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(BusError);
  expect((failure as BusError).code).toBe('UNAVAILABLE');
  await eventually(() => expect(interruptions).toContain(topic));
  await kafka.start();
  await eventually(() => write('after'));
  // Written again by who was not answered in time, it comes again.
  await eventually(() => expect([...new Set(received)]).toEqual(['before', 'after']));
  await reader[Symbol.asyncDispose]();
}, 120_000);
