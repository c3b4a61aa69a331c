/**
 * A viewer, a friend of theirs whom they see, and somebody hidden from them, in a mesh whose time the test owns. All
 * that reaches the viewer is recorded. What happens happens one after the other: nothing goes on, and no time passes,
 * before everything that came of it is over.
 */
import { ClientFrame } from '../../gen/edge/v1/frames.ts';
import type { Status } from '../../gen/presence/v1/presence.ts';
import { Activity } from '../../gen/presence/v1/presence_service.ts';
import { createDisposer } from '../../lib/lifecycle.ts';
import { addressOf, startInProcessMesh, type InProcessMesh } from '../gateway/in-process-mesh.ts';
import {
  countCalls,
  createOwnedTime,
  STEP_MS,
  untilQuiet,
  whileTimePasses,
} from '../support/owned-time.ts';
import {
  askOnce,
  recordHttp,
  recordWebSocket,
  type RecordedSocket,
  type Recording,
} from './recordings.ts';

/** How the viewer sees the subject: a friend, or a celebrity they follow, watched or not. */
export type Relation = 'friend' | 'follower' | 'fan' | 'stranger';

export interface World extends AsyncDisposable {
  readonly mesh: InProcessMesh;
  readonly recording: Recording;
  /** Other users, so many that whom all of them follow is a celebrity. */
  readonly fans: readonly string[];
  /** Does something in the name of somebody, and waits until all that comes of it is over. */
  act<T>(actor: string, action: () => T): Promise<Awaited<T>>;
  /** Lets time pass; who is connected to stay beats meanwhile. */
  pass(ms: number): Promise<void>;
  /** Opens a connection that is nobody's concern but its user's. */
  connect(userId: string): Promise<RecordedSocket>;
  /** Another recorded connection of the viewer. It beats. */
  connectViewer(channel: string, subprotocol: Subprotocol): Promise<RecordedSocket>;
  /** What the friend's device says. */
  readonly friend: RecordedSocket;
  /** The viewer asks once. */
  lookUp(channel: string): Promise<void>;
  openEvents(channel: string): Promise<void>;
}

export type Subprotocol = 'presence.v1+json' | 'presence.v1+proto';

const LEASE_TTL_MS = 3000;
const MAX_FOLLOWERS = 2;
const FANS = ['fan1', 'fan2', 'fan3'];
/** Of the test's time, after its start. */
const BEGIN_MS = 60_000;
const BEAT_MS = 800;
const JSON_BEAT = JSON.stringify({ heartbeat: {} });
const PROTO_BEAT = ClientFrame.encode({
  frame: { $case: 'heartbeat', value: { activity: Activity.ACTIVITY_UNSPECIFIED } },
}).finish();

export async function createWorld(relation: Relation): Promise<World> {
  const disposer = createDisposer();
  const time = createOwnedTime();
  // What is numbered by who acted first is so whoever acts.
  for (const actor of ['subject', 'friend', 'others', 'viewer']) time.actAs(actor);
  let events = 0;
  const count = (): void => {
    events++;
  };
  const mesh = await whileTimePasses(time, () =>
    startInProcessMesh({
      ...{
        clock: time.clock,
        leaseTtlMs: LEASE_TTL_MS,
        closeGraceMs: 500,
        maxFollowers: MAX_FOLLOWERS,
      },
      aroundStore: (store) => countCalls(store, count),
    }),
  );
  disposer.defer(() => whileTimePasses(time, async () => mesh[Symbol.asyncDispose]()));
  // How long the others took to start is not the same in every run; from here on all is.
  for (const at of time.until(BEGIN_MS)) await untilQuiet({ mesh, sockets: [], seen: () => at });
  // No time passes while it is asked whether all is quiet, by pings.
  const rate = { perSecond: 1e6, burst: 1e6 };
  const gateway = await mesh.addGateway({ drainMs: 0, limits: { rate, requests: rate } });
  const recording: Recording = new Map();
  const sockets = new Set<RecordedSocket>();
  const beating = new Map<RecordedSocket, string | Uint8Array>();
  disposer.defer(() => sockets.forEach((socket) => socket.cut()));

  const received = (channel: string | undefined) => (bytes: Buffer) => {
    events++;
    if (channel === undefined) return;
    const sofar = recording.get(channel);
    if (sofar) sofar.push(bytes);
    else recording.set(channel, [bytes]);
  };
  const settle = (): Promise<void> => untilQuiet({ mesh, sockets, seen: () => events });
  const open = async (
    userId: string,
    subprotocol: Subprotocol,
    channel?: string,
  ): Promise<RecordedSocket> => {
    const url = `ws://${addressOf(gateway)}/v1/ws?access_token=dev:${userId}`;
    const socket = await recordWebSocket(url, subprotocol, received(channel));
    sockets.add(socket);
    return socket;
  };
  const act = async <T>(actor: string, action: () => T): Promise<Awaited<T>> => {
    time.actAs(actor);
    const result = await action();
    await settle();
    return result;
  };
  const openToStay = (userId: string, subprotocol: Subprotocol, channel?: string) =>
    act(channel ?? userId, async () => {
      const socket = await open(userId, subprotocol, channel);
      beating.set(socket, subprotocol === 'presence.v1+json' ? JSON_BEAT : PROTO_BEAT);
      return socket;
    });

  await befriendAll(mesh, relation);
  let sinceBeatMs = 0;
  return {
    mesh,
    recording,
    fans: FANS,
    act,
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += STEP_MS) {
        sinceBeatMs += STEP_MS;
        const isBeat = sinceBeatMs >= BEAT_MS;
        if (isBeat) {
          sinceBeatMs = 0;
          for (const [socket, beat] of beating) socket.send(beat);
        }
        if (isBeat) await settle();
        time.advance(STEP_MS);
        await settle();
      }
    },
    connect: (userId) => act(userId, () => open(userId, 'presence.v1+json')),
    connectViewer: (channel, subprotocol) => openToStay('viewer', subprotocol, channel),
    friend: await openToStay('friend', 'presence.v1+json'),
    lookUp: (channel) =>
      act(channel, async () => {
        const path =
          '/v1/presence?user_id=subject&user_id=friend&user_id=third&access_token=dev:viewer';
        received(channel)(await askOnce(gateway.port, path));
      }),
    openEvents: (channel) =>
      act(channel, () => {
        const path = '/v1/events?access_token=dev:viewer';
        const events = recordHttp(gateway.port, path, received(channel));
        disposer.defer(() => events.close());
      }),
    [Symbol.asyncDispose]: () => disposer[Symbol.asyncDispose](),
  };
}

async function befriendAll({ graph, befriend }: InProcessMesh, relation: Relation): Promise<void> {
  await befriend('viewer', 'friend');
  await befriend('viewer', 'third');
  if (relation === 'stranger') return;
  if (relation === 'friend') return befriend('viewer', 'subject');
  const fans = relation === 'fan' ? [...FANS, 'viewer'] : ['viewer'];
  for (const userId of fans) {
    await graph.unary((client) => client.follow, { userId, followedUserId: 'subject' });
  }
}

export const choose = (status: string): string => JSON.stringify({ setStatus: { status } });

/** Without a connection. */
export const chooseFor = (mesh: InProcessMesh, userId: string, status: Status): Promise<unknown> =>
  mesh.presence.unary((client) => client.setStatus, {
    userId,
    change: { $case: 'chosen', value: status },
  });
