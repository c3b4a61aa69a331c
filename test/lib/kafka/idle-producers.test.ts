/** Topics come and go: what wrote to one that nobody writes to any more keeps no connection. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { systemClock as clock } from '../../../lib/clock.ts';
import type { MessageBus } from '../../../lib/kafka/bus.ts';
import { createKafkaBus } from '../../../lib/kafka/kafka-bus.ts';
import { eventually } from '../../support/eventually.ts';
import { sharedKafka } from '../../support/shared-servers.ts';

const SPEC = { partitions: 1, replication: 1, retentionMs: 600_000, segmentMs: 600_000 };
const HOUR_MS = 3_600_000;
const PREFIX = `idle-test.${clock.uuid()}.`;
const topics = Array.from({ length: 5 }, (_, i) => `${PREFIX}${i}`);

let brokers: string;
let owner: MessageBus;
let bus: MessageBus;
/** Of this process, before the bus under test has any. */
let connectionsBefore: number;

const open = (idleProducerMs: number): MessageBus => {
  const settings = { brokers: [brokers], clock, requestTimeoutMs: 20_000 };
  return createKafkaBus({ ...settings, clientId: 'test', idleProducerMs });
};
const connections = (): number =>
  process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length;
const write = (topic: string, text: string) => bus.send(topic, [{ value: Buffer.from(text) }]);

beforeAll(async () => {
  ({ brokers } = await sharedKafka());
  owner = open(HOUR_MS);
  for (const topic of topics) await owner.ensureTopic(topic, SPEC);
}, 120_000);
afterAll(async () => {
  await owner.deleteTopics(topics);
  // Brokers name a topic for a moment after they have said that it is deleted.
  await eventually(async () => expect(await owner.listTopics(PREFIX)).toEqual([]));
  await owner[Symbol.asyncDispose]();
});
beforeEach(() => {
  connectionsBefore = connections();
});
afterEach(async () => bus[Symbol.asyncDispose]());

test('who has had nothing to send for long has no connection, and gets one again', async () => {
  bus = open(300);
  await Promise.all(topics.map((topic) => write(topic, 'first')));
  await eventually(() => expect(connections()).toBeLessThanOrEqual(connectionsBefore));
  await write(topics[0]!, 'second');
  expect(connections()).toBeGreaterThan(connectionsBefore);
});

test('who has just sent keeps theirs', async () => {
  bus = open(HOUR_MS);
  await Promise.all(topics.map((topic) => write(topic, 'again')));
  expect(connections()).toBeGreaterThanOrEqual(connectionsBefore + topics.length);
});

test('what is under way is not lost, and stays in order, however short the patience', async () => {
  bus = open(1);
  const [topic = ''] = topics;
  const sent = Array.from({ length: 300 }, (_, i) => `n${i}`);
  const received: string[] = [];
  const reader = await owner.read(topic, {
    from: 'latest',
    onRecord: ({ value }) => void received.push(Buffer.from(value).toString()),
    onCrash: (error) => {
      throw error;
    },
  });
  for (let i = 0; i < sent.length; i += 3) {
    await Promise.all(sent.slice(i, i + 3).map((text) => write(topic, text)));
    if (i % 30 === 0) await clock.sleep(5);
  }
  await eventually(() => expect(received).toEqual(sent));
  await reader[Symbol.asyncDispose]();
});

test('whose topic was deleted here has no connection', async () => {
  bus = open(HOUR_MS);
  const [gone = ''] = topics;
  await write(gone, 'last');
  await bus.ping();
  const before = connections();
  await bus.deleteTopics([gone]);
  await eventually(() => expect(connections()).toBeLessThan(before));
});
