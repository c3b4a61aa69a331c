/** What a worker promises while things break, over any store and bus. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Cause } from '../../gen/presence/v1/transition.ts';
import { Status } from '../../gen/presence/v1/presence.ts';
import { gatewayTopic } from '../../fanout/topics.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import { BusError } from '../../lib/kafka/bus.ts';
import type { ChosenStatus } from '../../store/status.ts';
import { eventually } from '../support/eventually.ts';
import { breakable, plugged } from './faults.ts';
import { createRig, type Rig, type RigOptions, type TestGateway } from './rig.ts';

const CHOICES = ['BUSY', 'AWAY', 'ONLINE'] as const satisfies ChosenStatus[];
const SUBJECTS = 12;

export function describeResilience(name: string, backends: () => Promise<RigOptions>): void {
  describe(`fanout over ${name}`, () => {
    let rig: Rig;
    let gateway: TestGateway;
    /** Others for each test: the store may be the same. */
    let subjects: readonly string[];
    beforeEach(async () => {
      const test = clock.uuid();
      subjects = Array.from({ length: SUBJECTS }, (_, i) => `subject-${i}-${test}`);
      rig = await createRig(await backends());
      gateway = await rig.gateway(`gw-${clock.uuid()}`);
    });
    afterEach(async () => {
      await rig[Symbol.asyncDispose]();
    });

    /** Everyone befriends a viewer on the gateway and is connected. */
    const connect = async (): Promise<void> => {
      await rig.open('viewer', gateway.gatewayId);
      for (const subject of subjects) {
        await rig.befriend(subject, 'viewer');
        await rig.open(subject, gateway.gatewayId);
      }
    };
    /** Changes each subject so many times, one change after another. @returns versions by subject, ascending. */
    const stir = async (rounds: number, between = (_round: number): void => undefined) => {
      const versions = new Map<string, bigint[]>(subjects.map((subject) => [subject, []]));
      for (let round = 0; round < rounds; round++) {
        between(round);
        for (const userId of subjects) {
          const chosen = CHOICES[round % CHOICES.length];
          // Said again, a choice changes nothing, and its version is told again.
          const { settled } = await eventually(() =>
            rig.store.change({ kind: 'choose', userId, chosen, trace: '' }),
          );
          versions.get(userId)?.push(BigInt(settled.version));
        }
      }
      return versions;
    };
    const publishedVersions = (subject: string): bigint[] =>
      rig.transitions
        .filter(({ userId, cause }) => userId === subject && cause === Cause.CAUSE_CHOSEN)
        .map(({ version }) => version);
    const expectAllDelivered = async (versions: ReadonlyMap<string, bigint[]>): Promise<void> => {
      for (const [subject, wanted] of versions) {
        await eventually(() =>
          expect(new Set(publishedVersions(subject))).toEqual(new Set(wanted)),
        );
        await eventually(() => {
          expect(gateway.seen('viewer', subject)?.version).toBe(wanted.at(-1));
        });
      }
    };
    const expectEmptyOutboxes = async (): Promise<void> => {
      for (const subject of subjects) {
        await eventually(async () => (await rig.store.inspect(subject)).outboxLength === 0);
      }
    };

    test('a worker killed in the middle loses nothing; the other takes its shards', async () => {
      await connect();
      using store = plugged(rig.store);
      using bus = plugged(rig.bus);
      await rig.worker({ store: store.plug, bus: bus.plug });
      await rig.worker();
      const versions = await stir(30, (round) => {
        if (round !== 15) return;
        store.pull();
        bus.pull();
      });
      await expectAllDelivered(versions);
      await expectEmptyOutboxes();
    });

    test('a worker that stops gives its shards to the other at once', async () => {
      await connect();
      const leaving = await rig.worker();
      await eventually(() => leaving.readiness.isReady());
      await rig.worker();
      let stopped = Promise.resolve();
      const versions = await stir(20, (round) => {
        if (round === 10) stopped = Promise.resolve(leaving[Symbol.asyncDispose]());
      });
      await stopped;
      await expectAllDelivered(versions);
      await expectEmptyOutboxes();
      // Where this process stands still, the other's lease ends too, until it is renewed.
      await eventually(async () => {
        expect(await rig.store.listLeases('workers')).toHaveLength(1);
      });
    });

    test('while Kafka is away nothing is lost, and each subject stays in order', async () => {
      await connect();
      const { broken, setDown } = breakable(
        rig.bus,
        () => new BusError('UNAVAILABLE', 'Kafka is away'),
      );
      const worker = await rig.worker({ bus: broken, limits: { maxStuckMs: 600_000 } });
      await eventually(() => worker.readiness.isReady());
      const versions = await stir(20, (round) => {
        if (round === 5) setDown(true);
      });
      await eventually(() => worker.readiness.problems().join().includes('Kafka is away'));
      setDown(false);
      await expectAllDelivered(versions);
      for (const [subject, wanted] of versions)
        expect([...new Set(publishedVersions(subject))]).toEqual(wanted);
      await eventually(() => worker.readiness.isReady());
      await expectEmptyOutboxes();
    });

    test('a gateway whose topic is gone delays nobody, and its entries leave with its lease', async () => {
      await connect();
      const sick = await rig.gateway(`gw-${clock.uuid()}`);
      await rig.open('other', sick.gatewayId);
      for (const subject of subjects) await rig.befriend(subject, 'other');
      await rig.worker();
      await rig.bus.deleteTopics([gatewayTopic(sick.gatewayId)]);
      const versions = await stir(3);
      await expectAllDelivered(versions);
      expect((await rig.store.listLeases('gateways')).map(({ id }) => id)).toContain(
        sick.gatewayId,
      );
      await sick.die();
      await expectEmptyOutboxes();
    });

    test('nothing is sent to a gateway whose lease has ended', async () => {
      const dead = await rig.gateway(`gw-${clock.uuid()}`);
      await rig.open('other', dead.gatewayId);
      for (const friend of ['other', 'last']) await rig.befriend(subjects[0]!, friend);
      await dead.die();
      await connect();
      await rig.worker();
      await expectAllDelivered(await stir(2));
      await expectEmptyOutboxes();
      const reader = await rig.gateway(dead.gatewayId);
      await rig.open('last', dead.gatewayId);
      await rig.choose(subjects[0]!, 'BUSY');
      await eventually(() => reader.seen('last', subjects[0]!)?.status === Status.STATUS_BUSY);
      // At least once, and nothing of what was before.
      const busy = { $case: 'update', value: reader.seen('last', subjects[0]!) };
      const shown = reader.deliveries.map(({ change }) => change);
      expect(shown).toEqual(shown.map(() => busy));
    });
  });
}
