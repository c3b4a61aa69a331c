import { systemClock } from '../../../lib/clock.ts';
import { createKafkaBus } from '../../../lib/kafka/kafka-bus.ts';
import { describeBus } from '../../conformance/bus.ts';
import { sharedKafka } from '../../support/shared-servers.ts';

describeBus('Kafka', async () => {
  const { brokers } = await sharedKafka();
  const create = (clientId: string) =>
    createKafkaBus({ brokers: [brokers], clientId, clock: systemClock, requestTimeoutMs: 20_000 });
  return [create('test'), create('other')];
});
