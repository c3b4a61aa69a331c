import { afterAll, beforeAll } from '@jest/globals';
import { systemClock } from '../../../lib/clock.ts';
import { createKafkaBus } from '../../../lib/kafka/kafka-bus.ts';
import { describeBus } from '../../conformance/bus.ts';
import { startKafka, type TestKafka } from '../../support/kafka.ts';

let kafka: TestKafka;
beforeAll(async () => {
  kafka = await startKafka();
}, 120_000);
afterAll(async () => kafka[Symbol.asyncDispose]());

describeBus('Kafka', () =>
  Promise.resolve(
    createKafkaBus({ brokers: [kafka.brokers], clientId: 'test', clock: systemClock }),
  ),
);
