import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { FanoutPart } from '../../fanout/app.ts';
import { toStatus } from '../../fanout/audience.ts';
import { BusError } from '../../lib/kafka/bus.ts';
import type { Change, Settled } from '../../store/presence-store.ts';
import { eventually } from '../support/eventually.ts';
import { breakable } from './faults.ts';
import { createRig, opened, type Rig, type TestGateway } from './rig.ts';

const SUBJECTS = ['alice', 'zoe', 'yan'];
const VIEWERS = ['bob', 'carol'];

/** What can happen; each leaves time for some of what came before, and not for all of it. */
type Step =
  | {
      readonly kind: 'choose';
      readonly userId: string;
      readonly chosen: 'BUSY' | 'AWAY' | 'INVISIBLE';
    }
  | { readonly kind: 'open' | 'logout'; readonly userId: string }
  | { readonly kind: 'announce'; readonly userId: string; readonly only: readonly string[] }
  | { readonly kind: 'kafka'; readonly isDown: boolean }
  | { readonly kind: 'workers'; readonly count: number }
  | { readonly kind: 'wait'; readonly turns: number };

const userId = fc.constantFrom(...SUBJECTS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('choose' as const),
      userId,
      chosen: fc.constantFrom('BUSY' as const, 'AWAY' as const, 'INVISIBLE' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('open' as const, 'logout' as const), userId }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('announce' as const),
      userId,
      only: fc.subarray(VIEWERS, { minLength: 1 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('kafka' as const), isDown: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('workers' as const),
      count: fc.integer({ min: 0, max: 2 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      turns: fc.integer({ min: 1, max: 8 }),
    }),
  },
);

class Scene {
  readonly rig: Rig;
  readonly gateways: readonly TestGateway[];
  /** Versions of all changes of a visible status. */
  readonly transitions = new Set<bigint>();
  readonly #kafka;
  readonly #workers: FanoutPart[] = [];
  readonly #statuses = new Map<string, Settled['status']>();

  constructor(rig: Rig, gateways: readonly TestGateway[]) {
    this.rig = rig;
    this.gateways = gateways;
    this.#kafka = breakable(rig.bus, () => new BusError('UNAVAILABLE', 'Kafka is away'));
  }

  async do(what: Step): Promise<void> {
    switch (what.kind) {
      case 'choose':
        return this.#change({ ...what, trace: '' });
      case 'open':
        return this.#change(opened(what.userId, 'gw-0', 'only'));
      case 'logout':
        return this.#change(logout(what.userId));
      case 'announce':
        return this.#change({ ...what, graphRevision: '0', trace: '' });
      case 'kafka':
        this.#kafka.setDown(what.isDown);
        return;
      case 'workers':
        return this.#employ(what.count);
      case 'wait':
        for (let i = 0; i < what.turns; i++) await new Promise(setImmediate);
    }
  }

  async #change(change: Change): Promise<void> {
    const { settled } = await this.rig.store.change(change);
    const before = this.#statuses.get(settled.userId) ?? 'OFFLINE';
    if (settled.status !== before) this.transitions.add(BigInt(settled.version));
    this.#statuses.set(settled.userId, settled.status);
  }

  async #employ(count: number): Promise<void> {
    while (this.#workers.length < count) {
      this.#workers.push(await this.rig.worker({ bus: this.#kafka.broken }));
    }
    for (const worker of this.#workers.splice(count)) await worker[Symbol.asyncDispose]();
  }
}

function logout(subject: string): Change {
  return { kind: 'close', userId: subject, sessionId: 'only', graceMs: 0, trace: '' };
}

async function play(steps: readonly Step[]): Promise<void> {
  await using rig = await createRig();
  const gateways = [await rig.gateway('gw-0'), await rig.gateway('gw-1')];
  for (const [i, viewer] of VIEWERS.entries()) {
    for (const subject of SUBJECTS) await rig.befriend(subject, viewer);
    await rig.open(viewer, `gw-${i}`);
  }
  const scene = new Scene(rig, gateways);
  for (const what of steps) await scene.do(what);
  await scene.do({ kind: 'kafka', isDown: false });
  await scene.do({ kind: 'workers', count: 1 });
  await expectConverged(scene);
}

async function expectConverged({ rig, gateways, transitions }: Scene): Promise<void> {
  for (const subject of SUBJECTS) {
    await eventually(async () => (await rig.store.inspect(subject)).outboxLength === 0);
    const { settled } = await rig.store.inspect(subject);
    for (const [i, viewer] of VIEWERS.entries()) {
      await eventually(() => {
        const status = gateways[i]?.seen(viewer, subject)?.status ?? toStatus('OFFLINE');
        expect(status).toBe(toStatus(settled.status));
      });
    }
  }
  await eventually(() => {
    const published = rig.transitions.filter(({ userId: id }) => SUBJECTS.includes(id));
    expect(new Set(published.map(({ version }) => version))).toEqual(transitions);
  });
}

test('whatever happens, all transitions are published and every viewer ends with the last of each', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), play), {
    numRuns: 100,
    endOnFailure: true,
  });
}, 600_000);
