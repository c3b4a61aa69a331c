/** What both adapters of the bus port promise. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  BusError,
  type BusRecord,
  type MessageBus,
  type ReadOptions,
  type ReceivedRecord,
  type TopicSpec,
} from '../../lib/kafka/bus.ts';
import { systemClock } from '../../lib/clock.ts';
import { eventually } from '../support/eventually.ts';

const SPEC: TopicSpec = {
  partitions: 1,
  replication: 1,
  retentionMs: 600_000,
  segmentMs: 600_000,
};

/** @param createBuses of two processes with the same topics; the same one twice where there is but one. */
export function describeBus(
  name: string,
  createBuses: () => Promise<readonly [MessageBus, MessageBus]>,
): void {
  describe(`bus: ${name}`, () => {
    let bus: MessageBus;
    let other: MessageBus;
    const prefix = `bus-test.${systemClock.uuid()}.`;
    let count = 0;

    beforeAll(async () => {
      [bus, other] = await createBuses();
    });
    afterAll(async () => {
      await bus.deleteTopics(await bus.listTopics(prefix));
      await bus[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
    });

    const newTopic = async (spec: Partial<TopicSpec> = {}): Promise<string> => {
      const topic = `${prefix}${++count}`;
      await bus.ensureTopic(topic, { ...SPEC, ...spec });
      return topic;
    };
    const collect = async (topic: string, options: Partial<ReadOptions> = {}) => {
      const received: ReceivedRecord[] = [];
      const reader = await bus.read(topic, {
        from: 'earliest',
        onRecord: (record) => void received.push(record),
        onCrash: (error) => {
          throw error;
        },
        ...options,
      });
      return { received, reader };
    };

    test('answers a ping', async () => {
      await bus.ping();
    });

    test('ensures a topic twice, lists it by prefix, deletes it twice', async () => {
      const topic = await newTopic();
      await bus.ensureTopic(topic, SPEC);
      expect(await bus.listTopics(topic)).toEqual([topic]);
      await bus.deleteTopics([topic]);
      await bus.deleteTopics([topic]);
      await eventually(async () => expect(await bus.listTopics(topic)).toEqual([]));
    });

    test('hands out what was sent before and after the reader came, whole and in order', async () => {
      const topic = await newTopic();
      await bus.send(topic, [record('0'), record('1')]);
      const { received, reader } = await collect(topic);
      await bus.send(topic, [record('2'), record('3')]);
      await eventually(() => expect(texts(received)).toEqual(['0', '1', '2', '3']));
      expect(received.map(({ offset }) => offset)).toEqual(['0', '1', '2', '3']);
      expect(received.map(({ partition }) => partition)).toEqual([0, 0, 0, 0]);
      await reader[Symbol.asyncDispose]();
    });

    test('keeps key, headers, bytes and a time', async () => {
      const topic = await newTopic();
      const before = systemClock.now();
      const value = Uint8Array.from({ length: 256 }, (_, i) => i);
      const headers = { traceparent: '00-ä-01', empty: '' };
      await bus.send(topic, [{ key: 'käy', value, headers }, { value: new Uint8Array() }]);
      const { received, reader } = await collect(topic);
      await eventually(() => expect(received).toHaveLength(2));
      expect(received[0]).toMatchObject({ key: 'käy', headers });
      expect(Uint8Array.from(received[0]!.value)).toEqual(value);
      expect(received[1]!.key).toBeUndefined();
      expect(received[1]!.value).toHaveLength(0);
      expect(received[0]!.timestampMs).toBeGreaterThanOrEqual(before - 1_000);
      expect(received[0]!.timestampMs).toBeLessThanOrEqual(systemClock.now() + 1_000);
      await reader[Symbol.asyncDispose]();
    });

    test('every reader gets everything', async () => {
      const topic = await newTopic();
      const readers = [await collect(topic), await collect(topic)];
      await bus.send(topic, [record('a')]);
      for (const { received, reader } of readers) {
        await eventually(() => expect(texts(received)).toEqual(['a']));
        await reader[Symbol.asyncDispose]();
      }
    });

    test('from latest: nothing sent before, everything sent after', async () => {
      const topic = await newTopic({ partitions: 3 });
      await bus.send(topic, ['a', 'b', 'c', 'd'].map(keyed));
      const { received, reader } = await collect(topic, { from: 'latest' });
      await bus.send(topic, ['e', 'f', 'g'].map(keyed));
      await eventually(() => expect(texts(received).sort()).toEqual(['e', 'f', 'g']));
      await reader[Symbol.asyncDispose]();
    });

    test('from offsets: goes on exactly there; an offset the topic does not hold is refused', async () => {
      const topic = await newTopic();
      await bus.send(topic, ['a', 'b', 'c'].map(record));
      const first = await collect(topic);
      await eventually(() => expect(texts(first.received)).toEqual(['a', 'b', 'c']));
      expect(first.reader.start).toEqual(new Map([[0, 0n]]));
      await first.reader[Symbol.asyncDispose]();
      const { received, reader } = await collect(topic, { from: new Map([[0, 1n]]) });
      await bus.send(topic, [record('d')]);
      await eventually(() => expect(texts(received)).toEqual(['b', 'c', 'd']));
      await reader[Symbol.asyncDispose]();
      await expect(collect(topic, { from: new Map([[0, 9n]]) })).rejects.toMatchObject({
        code: 'OUT_OF_RANGE',
      });
      await expect(collect(topic, { from: new Map([[7, 0n]]) })).rejects.toMatchObject({
        code: 'OUT_OF_RANGE',
      });
    });

    test('records of a key stay in order, on one partition', async () => {
      const topic = await newTopic({ partitions: 4 });
      const { received, reader } = await collect(topic);
      const numbers = Array.from({ length: 60 }, (_, i) => String(i));
      await Promise.all(
        numbers.map((n) => bus.send(topic, [{ key: `k${Number(n) % 7}`, ...record(n) }])),
      );
      await eventually(() => expect(received).toHaveLength(60));
      for (let k = 0; k < 7; k++) {
        const ofKey = received.filter(({ key }) => key === `k${k}`);
        expect(texts(ofKey)).toEqual(numbers.filter((n) => Number(n) % 7 === k));
        expect(new Set(ofKey.map(({ partition }) => partition)).size).toBe(1);
      }
      await reader[Symbol.asyncDispose]();
    });

    test('concurrent sends arrive in the order they were made', async () => {
      const topic = await newTopic();
      const numbers = Array.from({ length: 200 }, (_, i) => String(i));
      await Promise.all(numbers.map((n) => bus.send(topic, [record(n)])));
      const { received, reader } = await collect(topic);
      await eventually(() => expect(texts(received)).toEqual(numbers));
      await reader[Symbol.asyncDispose]();
    });

    test('a record is given again until its handler resolves; the next ones wait', async () => {
      const topic = await newTopic();
      const attempts: string[] = [];
      const { reader } = await collect(topic, {
        onRecord: async ({ value }) => {
          await Promise.resolve();
          attempts.push(text(value));
          if (attempts.length < 3) throw new Error('not yet');
        },
      });
      await bus.send(topic, [record('a'), record('b')]);
      await eventually(() => expect(attempts).toEqual(['a', 'a', 'a', 'b']));
      await reader[Symbol.asyncDispose]();
    });

    test('a disposed reader gets nothing more, and waits for its handler', async () => {
      const topic = await newTopic();
      let finished = false;
      const { promise: started, resolve: start } = deferred();
      const { reader } = await collect(topic, {
        onRecord: async () => {
          start();
          await systemClock.sleep(20);
          finished = true;
        },
      });
      await bus.send(topic, [record('a')]);
      await started;
      await reader[Symbol.asyncDispose]();
      expect(finished).toBe(true);
      await reader[Symbol.asyncDispose]();
    });

    test('neither writing nor reading creates a topic', async () => {
      const topic = `${prefix}nowhere`;
      await expect(bus.send(topic, [record('a')])).rejects.toThrow(BusError);
      await expect(bus.send(topic, [record('a')])).rejects.toMatchObject({ code: 'NO_TOPIC' });
      await expect(collect(topic)).rejects.toMatchObject({ code: 'NO_TOPIC' });
      expect(await bus.listTopics(topic)).toEqual([]);
    });

    test('a send to a deleted topic fails, and fails no other', async () => {
      const [gone, there] = [await newTopic(), await newTopic()];
      await bus.send(gone, [record('a')]);
      await bus.deleteTopics([gone]);
      // A broker may take records for a moment after it has said that the topic is deleted.
      await eventually(() => expect(bus.send(gone, [record('a')])).rejects.toThrow(BusError));
      const [failure, success] = await Promise.allSettled([
        bus.send(gone, [record('b')]),
        bus.send(there, [record('c')]),
      ]);
      expect(failure).toMatchObject({ status: 'rejected', reason: { code: 'NO_TOPIC' } });
      expect(success.status).toBe('fulfilled');
    });

    test('a reader whose topic is deleted says so', async () => {
      const topic = await newTopic();
      const crashes: BusError[] = [];
      const { reader } = await collect(topic, { onCrash: (error) => void crashes.push(error) });
      await bus.deleteTopics([topic]);
      await eventually(() => expect(crashes.map(({ code }) => code)).toEqual(['NO_TOPIC']));
      await reader[Symbol.asyncDispose]();
    });

    test('a topic may come again after its deletion', async () => {
      const topic = await newTopic();
      await bus.send(topic, [record('old')]);
      await bus.deleteTopics([topic]);
      await eventually(async () => expect(await bus.listTopics(topic)).toEqual([]));
      await eventually(async () => {
        await bus.ensureTopic(topic, SPEC);
        await bus.send(topic, [record('new')]);
      });
      const { received, reader } = await collect(topic);
      await eventually(() => expect(texts(received)).toContain('new'));
      expect(texts(received)).not.toContain('old');
      await reader[Symbol.asyncDispose]();
    });

    test('a topic that another process deletes while it is read and written may come again', async () => {
      const topic = await newTopic();
      await bus.send(topic, [record('old')]);
      const crashes: BusError[] = [];
      const { reader } = await collect(topic, { onCrash: (error) => void crashes.push(error) });
      await other.deleteTopics([topic]);
      await eventually(() => expect(crashes.map(({ code }) => code)).toEqual(['NO_TOPIC']));
      await reader[Symbol.asyncDispose]();
      await expect(collect(topic)).rejects.toMatchObject({ code: 'NO_TOPIC' });
      const elsewhere = await newTopic();
      await eventually(async () => {
        await bus.ensureTopic(topic, SPEC);
        await bus.send(topic, [record('new')]);
      });
      await bus.send(elsewhere, [record('there')]);
      const again = await collect(topic);
      await eventually(() => expect(texts(again.received)).toContain('new'));
      expect(texts(again.received)).not.toContain('old');
      await again.reader[Symbol.asyncDispose]();
    });

    test('refuses an impossible name and a huge record, in words', async () => {
      const topic = await newTopic();
      await expect(bus.ensureTopic('a topic', SPEC)).rejects.toMatchObject({ code: 'INVALID' });
      await expect(bus.send('a/b', [record('a')])).rejects.toThrow(/"a\/b".*A-Z a-z 0-9/);
      const huge = { value: new Uint8Array(1_100_000) };
      await expect(bus.send(topic, [huge])).rejects.toThrow(/1100000 bytes.*at most/);
    });

    test('sending nothing is no error', async () => {
      await bus.send(await newTopic(), []);
    });
  });
}

const record = (value: string): BusRecord => ({ value: Buffer.from(value) });
const keyed = (value: string): BusRecord => ({ key: value, value: Buffer.from(value) });
const text = (value: Uint8Array): string => Buffer.from(value).toString();
const texts = (records: readonly ReceivedRecord[]): string[] =>
  records.map(({ value }) => text(value));

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
