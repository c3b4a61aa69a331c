/**
 * The client over the real stack: two gateways, two fanout workers, presence and graph as processes of their own, on
 * real Redis, Kafka and Dgraph. One after the other is killed; what is shown is right in the end, and never went back.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Window } from 'happy-dom';
import { createElement, Fragment, type ReactNode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { systemClock as clock } from '../../lib/clock.ts';
import type { Choice, PresenceClient, Status } from '../../sdk/index.ts';
import { PresenceProvider, useConnection, usePresence } from '../../sdk/react.ts';
import { openGraph } from '../support/clients.ts';
import { eventually } from '../support/eventually.ts';
import type { MeshPart } from '../support/mesh.ts';
import { startStack, type Stack } from '../support/stack.ts';
import { createPerson, type Person } from './person.ts';

const PATIENT = { timeoutMs: 60_000 };
const TEST_MS = 180_000;
const CHOICES = ['BUSY', 'AWAY', 'ONLINE'] as const satisfies readonly Choice[];
const FRIENDS = ['bob', 'carol', 'dave'];
const ERRORS = ['UNAVAILABLE', 'RATE', 'CONNECT'];

let stack: Stack;
const window = new Window();
const persons: Person[] = [];
/** React looks for the page here, also for a moment after its end. */
const page = globalThis as { window?: object };

beforeAll(async () => {
  page.window = window;
  stack = await startStack({
    dgraph: 'shared',
    counts: { gateway: 2, fanout: 2 },
    // Times are as usual: a busy machine makes nobody seem gone, and no gateway seem dead.
  });
}, TEST_MS);

afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await window.happyDOM.close();
  delete page.window;
}, 60_000);

/** Users of one test only. */
let tests = 0;
beforeEach(() => {
  tests++;
});
const user = (name: string): string => `sdk-${tests}-${name}`;

afterEach(() => {
  for (const person of persons.splice(0)) person[Symbol.dispose]();
});

/** Begins at that gateway, and goes to the other when it is gone. */
function enter(name: string, gateway: 0 | 1): Person {
  const urls = stack.mesh.gateways.map(({ address }) => `ws://${address}`);
  const url = gateway === 0 ? urls : urls.reverse();
  const person = createPerson(user(name), { url, clock: { ...clock, random: () => 0 } });
  persons.push(person);
  return person;
}

/** Alice on the first gateway, her friends on the second. */
async function friendsOnScreen() {
  using graph = openGraph(...stack.mesh.graph.map(({ address }) => address));
  const userId = user('alice');
  for (const friend of FRIENDS) {
    const request = { userId, friendUserId: user(friend) };
    await graph.unary((client) => client.befriend, request, PATIENT);
  }
  const [alice, bob, carol] = [enter('alice', 0), enter('bob', 1), enter('carol', 1)];
  for (const name of ['bob', 'carol']) await alice.sees(user(name), 'ONLINE', PATIENT);
  await alice.sees(user('dave'), 'OFFLINE', PATIENT);
  for (const person of [bob, carol]) await person.sees(userId, 'ONLINE', PATIENT);
  return { alice, bob, carol };
}

interface LookedUp {
  readonly presences: readonly {
    readonly userId: string;
    readonly status: string;
    readonly version?: string;
  }[];
}

/** What the gateway answers alice who asks about her friends. */
async function lookUp({ address }: MeshPart): Promise<object[]> {
  const query = FRIENDS.map((name) => `user_id=${user(name)}`).join('&');
  const response = await fetch(`http://${address}/v1/presence?${query}`, {
    headers: { authorization: `Bearer dev:${user('alice')}`, connection: 'close' },
  });
  const { presences } = (await response.json()) as LookedUp;
  return presences.map(({ userId, status, version = '0' }) => ({ userId, status, version }));
}

function shownTo({ client }: Person): object[] {
  return FRIENDS.map((name) => {
    const { userId, status, version } = client.getPresence(user(name))!;
    return { userId, status: `STATUS_${status}`, version };
  });
}

async function endsRight(alice: Person, lookedUpAt: MeshPart): Promise<void> {
  await alice.isOnline(PATIENT);
  await eventually(async () => expect(shownTo(alice)).toEqual(await lookUp(lookedUpAt)), PATIENT);
  for (const person of persons) await person.isOnline(PATIENT);
  for (const { client, witness } of persons) {
    expect(witness.mistakes).toEqual([]);
    expect(witness.heard('closed')).toEqual([]);
    for (const { code } of witness.heard('error')) expect(ERRORS).toContain(code);
    expect(client.getConnection()).toMatchObject({ state: 'online', closing: undefined });
  }
}

/** Kills it with SIGKILL, and starts it again once `during` is done. */
async function without(
  server: { kill(): Promise<void>; start(): Promise<void> },
  during: () => Promise<void>,
): Promise<void> {
  await server.kill();
  try {
    await during();
  } finally {
    await server.start();
  }
}

test(
  'a gateway is killed: its clients go on at the other one, and nobody seems gone',
  async () => {
    const { alice, bob, carol } = await friendsOnScreen();
    const [first, second] = stack.mesh.gateways as [MeshPart, MeshPart];
    const session = alice.client.getConnection().sessionId;
    const before = bob.shown.length;
    await without(first, async () => {
      await eventually(() => expect(alice.witness.heard('disconnected')).not.toEqual([]), PATIENT);
      expect(alice.witness.heard('disconnected')[0]).toMatchObject({ code: 1006 });
      // What is known stays, and is known to be old.
      expect(alice.client.getPresence(user('bob'))?.status).toBe('ONLINE');
      expect(alice.witness.heard('connection').some(({ isStale }) => isStale)).toBe(true);
      bob.client.setStatus('BUSY');
      await alice.sees(user('bob'), 'BUSY', PATIENT);
      await alice.isOnline(PATIENT);
      expect(alice.client.getConnection().sessionId).not.toBe(session);
      expect(alice.tap.sockets.at(-1)?.url).toContain(second.address);
      alice.client.setStatus('AWAY');
      for (const friend of [bob, carol]) await friend.sees(user('alice'), 'AWAY', PATIENT);
      await endsRight(alice, second);
    });
    expect(bob.shown.slice(before)).not.toContain(`${user('alice')} OFFLINE`);
  },
  TEST_MS,
);

test(
  'a fanout worker is killed while friends change: components show the last of it',
  async () => {
    const { alice, bob, carol } = await friendsOnScreen();
    using screen = draw(alice.client, user('bob'));
    await eventually(() => expect(screen.text()).toBe('ONLINE, live'), PATIENT);
    await without(stack.mesh.fanout[0]!, async () => {
      for (const choice of [...CHOICES, ...CHOICES, 'BUSY'] as const) {
        for (const person of [bob, carol]) person.client.setStatus(choice);
        // One change is told before the next is made: else only the newest may be.
        await Promise.all([bob, carol].map((person) => chose(person, choice)));
      }
    });
    for (const name of ['bob', 'carol']) await alice.sees(user(name), 'BUSY', PATIENT);
    await eventually(() => expect(screen.text()).toBe('BUSY, live'), PATIENT);
    await endsRight(alice, stack.mesh.gateways[0]!);
    // Drawn once for each thing that was to be seen.
    const toSee = alice.witness.heard('presence').filter(({ userId }) => userId === user('bob'));
    expect(screen.drawn.length).toBeLessThanOrEqual(toSee.length + 1);
    expect(screen.drawn.at(-1)).toBe('BUSY');
  },
  TEST_MS,
);

test(
  'Redis is killed and comes back: views are read again, and what was chosen meanwhile holds',
  async () => {
    const { alice, bob } = await friendsOnScreen();
    using screen = draw(alice.client, user('bob'));
    await without(stack.redis, () => {
      bob.client.setStatus('BUSY');
      return Promise.resolve();
    });
    await alice.sees(user('bob'), 'BUSY', PATIENT);
    await bob.isOnline(PATIENT);
    expect(bob.client.getConnection().chosen).toBe('BUSY');
    await eventually(() => expect(screen.text()).toBe('BUSY, live'), PATIENT);
    await endsRight(alice, stack.mesh.gateways[0]!);
  },
  TEST_MS,
);

/** Until the mesh says so to whoever asks. */
async function chose(person: Person, status: Status): Promise<void> {
  const userId = person.client.getConnection().userId;
  await eventually(async () => {
    expect(await lookUp(stack.mesh.gateways[1]!)).toContainEqual(
      expect.objectContaining({ userId, status: `STATUS_${status}` }),
    );
  }, PATIENT);
}

interface Screen extends Disposable {
  /** As it is drawn now: how the friend is shown, and whether that is current. */
  text(): string | null;
  /** What the component of the friend drew, each time. */
  readonly drawn: readonly string[];
}

function draw(client: PresenceClient, userId: string): Screen {
  const drawn: string[] = [];
  function Friend(): ReactNode {
    const status = usePresence(userId)?.status ?? 'not seen';
    drawn.push(status);
    return status;
  }
  function Badge(): ReactNode {
    return useConnection().isStale ? ', stale' : ', live';
  }
  const element = window.document.createElement('main');
  const root: Root = createRoot(element);
  const screen = createElement(Fragment, null, createElement(Friend), createElement(Badge));
  root.render(createElement(PresenceProvider, { client }, screen));
  return {
    text: () => element.textContent,
    drawn,
    [Symbol.dispose]: () => root.unmount(),
  };
}
