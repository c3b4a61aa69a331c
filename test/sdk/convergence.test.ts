/** Whatever happens on the way, the client ends with what the gateway knows, and never goes back on the way. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isNewer, type PresenceChange } from '../../sdk/index.ts';
import { settled, startRig, type Rig } from './fake-socket.ts';
import { ModelGateway } from './model-gateway.ts';

interface World {
  readonly rig: Rig;
  readonly gateway: ModelGateway;
}

type Step = (world: World) => void;

const userId = fc.constantFrom('ann', 'bob', 'cy', 'dee', 'eve');
const small = fc.nat(40);

const step: fc.Arbitrary<{ name: string; run: Step }> = fc.oneof(
  {
    weight: 6,
    arbitrary: named('change', fc.tuple(userId, small), (w, [id, to]) => w.gateway.change(id, to)),
  },
  {
    weight: 3,
    arbitrary: named('befriend', fc.tuple(userId), (w, [id]) => w.gateway.befriend(id)),
  },
  named('part unheard', fc.tuple(userId), (w, [id]) => w.gateway.partUnheard(id)),
  named('part', fc.tuple(userId), (w, [id]) => w.gateway.part(id)),
  {
    weight: 2,
    arbitrary: named('unheard', fc.tuple(userId, small), (w, [id, to]) =>
      w.gateway.changeUnheard(id, to),
    ),
  },
  {
    weight: 2,
    arbitrary: named('repeat', fc.tuple(small), (w, [index]) => w.gateway.repeat(index)),
  },
  named('torn snapshot', fc.tuple(fc.nat(2)), (w, [part]) => w.gateway.snapshot(part)),
  { weight: 2, arbitrary: named('answer', fc.tuple(), (w) => void w.gateway.answer()) },
  named('reopen', fc.tuple(), (w) => w.gateway.reopen()),
  named('break', fc.tuple(), (w) => w.rig.sockets.at(-1)?.closes(1006)),
  named('going away', fc.tuple(), (w) =>
    w.rig.sockets.at(-1)?.says({ goingAway: { reconnectAfter: '1s' } }),
  ),
  {
    weight: 2,
    arbitrary: named('time', fc.tuple(fc.nat(4000)), (w, [ms]) => w.rig.clock.advance(ms)),
  },
);

function named<T>(name: string, values: fc.Arbitrary<T>, run: (world: World, value: T) => void) {
  return values.map((value) => ({
    name: `${name} ${JSON.stringify(value)}`,
    run: (world: World) => run(world, value),
    toString: () => `${name} ${JSON.stringify(value)}`,
  }));
}

/** The newest socket is served as soon as it is opened. */
async function serveNewest({ rig, gateway }: World): Promise<void> {
  await settled();
  const newest = rig.sockets.at(-1);
  if (newest?.readyState === 0) gateway.serve(newest);
}

/** Nothing more goes wrong: time passes, what is asked is answered. */
async function calm(world: World): Promise<void> {
  for (let i = 0; i < 40; i++) {
    await serveNewest(world);
    world.gateway.answer();
    world.rig.clock.advance(1000);
  }
}

test('a client ends with what the gateway knows', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const world: World = { rig: startRig(), gateway: new ModelGateway() };
      const { client } = world.rig;
      const setBack: PresenceChange[] = [];
      client.on('presence', (change) => {
        const { previous, presence } = change;
        if (previous && presence && !isNewer(presence.version, previous.version))
          setBack.push(change);
      });
      client.connect();
      for (const { run } of steps) {
        await serveNewest(world);
        run(world);
      }
      await calm(world);
      const seen = [...client.getSnapshot().presences.values()];
      expect(versions(seen)).toEqual(versions([...world.gateway.truth.values()]));
      expect(client.getConnection()).toMatchObject({ state: 'online', isStale: false });
      expect(setBack).toEqual([]);
      client.close();
    }),
    { numRuns: 200 },
  );
});

const versions = (presences: readonly { userId: string; version?: string }[]): string[] =>
  presences.map(({ userId, version }) => `${userId} ${version ?? 0}`).sort();
