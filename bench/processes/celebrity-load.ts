/**
 * A celebrity, an ordinary user, a friend of each, and followers of the celebrity who look on: the clients of
 * bench/celebrity.ts, on one monotonic clock.
 */
import { ClientFrame, ServerFrame } from '../../gen/edge/v1/frames.ts';
import { Status, type Presence } from '../../gen/presence/v1/presence.ts';
import { Activity } from '../../gen/presence/v1/presence_service.ts';
import { systemClock as clock, type Timer } from '../../lib/clock.ts';
import { openFleet, type Fleet } from '../support/fleet.ts';
import { pace } from '../support/pace.ts';
import { serveRemote } from '../support/remote.ts';
import { encodeMessage } from '../support/socket-frames.ts';

export interface CelebrityLoad {
  /** Opens all sockets, and beats for them from then on. */
  readonly connect: (options: ConnectOptions) => Promise<void>;
  /** So many of the viewers watch the celebrity, the others do not. Resolves with the ms until all are answered. */
  readonly watch: (viewers: number) => Promise<number>;
  /** The subject changes so often a second, over its devices in turn. */
  readonly start: (load: { readonly subject: string; readonly perSecond: number }) => void;
  /** Changes since the start. */
  readonly changes: () => number;
  /** Resolves when the subject's friend has heard the last change. */
  readonly stop: () => Promise<ChangeTotals>;
  /** The celebrity changes once. Resolves with the ms after which each of those who watch had it, in ascending order. */
  readonly changeOnce: () => Promise<Float64Array>;
  /** Why the server closed sockets, and what it refused. */
  readonly problems: () => readonly string[];
}

export interface ConnectOptions {
  readonly port: number;
  readonly celebrity: string;
  readonly ordinary: string;
  readonly friendOf: Readonly<Record<string, string>>;
  readonly viewers: readonly string[];
  readonly devices: number;
  readonly heartbeatIntervalMs: number;
}

export interface ChangeTotals {
  readonly changes: number;
  /** Of them, heard by the friend. */
  readonly heard: number;
  /** Told to followers who do not watch: none, as it should be. */
  readonly pushed: number;
}

const PATIENCE_MS = 30_000;
const POLL_MS = 20;
const STATUSES = [Status.STATUS_BUSY, Status.STATUS_AWAY, Status.STATUS_ONLINE] as const;
const CHANGES = STATUSES.map((status) => encode({ $case: 'setStatus', value: { status } }));
const BEAT = encode({ $case: 'heartbeat', value: { activity: Activity.ACTIVITY_UNSPECIFIED } });

let options: ConnectOptions;
let fleet: Fleet;
let userIds: readonly string[] = [];
/** How many of the viewers watch. */
let watching = 0;
let changing: Timer | undefined;
/** The change made last. */
let current: { readonly subject: string; readonly status: Status } | undefined;
/** Changes by subject: the same status twice would be no change. */
const turns = new Map<string, number>();
let totals = { changes: 0, heard: 0, pushed: 0 };
let friendSees: Status | undefined;
/** ms after the change, by viewer; 0 for not yet. */
let arrivals = new Float64Array();
let arrived = 0;
let changedAt = 0;
const refused: string[] = [];

serveRemote({
  async connect(wanted) {
    options = wanted;
    const { port, viewers, celebrity, ordinary, friendOf, devices, heartbeatIntervalMs } = wanted;
    const subjects = [celebrity, ordinary].flatMap((user) => Array<string>(devices).fill(user));
    // Viewers come first: their place in the list is their number.
    userIds = [...viewers, ...Object.values(friendOf), ...subjects];
    fleet = await openFleet(
      { ports: [port], userIds, awaitSnapshot: true },
      { onMessage: receive },
    );
    let beats = 0;
    pace(clock, (1000 * userIds.length) / heartbeatIntervalMs, () =>
      fleet.sockets[beats++ % userIds.length]?.send(BEAT),
    );
  },
  async watch(viewers) {
    const ids = { userIds: [options.celebrity] };
    const [watch, unwatch] = [
      encode({ $case: 'watch', value: ids }),
      encode({ $case: 'unwatch', value: ids }),
    ];
    for (let i = 0; i < watching; i++) fleet.sockets[i]!.send(unwatch);
    watching = viewers;
    expectArrivals();
    for (let i = 0; i < viewers; i++) fleet.sockets[i]!.send(watch);
    // An answer comes whether or not anything changed.
    const beganAt = clock.monotonic();
    await allArrived('were answered when they began to watch');
    return clock.monotonic() - beganAt;
  },
  start({ subject, perSecond }) {
    totals = { changes: 0, heard: 0, pushed: 0 };
    friendSees = undefined;
    changing = pace(clock, perSecond, () => change(subject));
  },
  changes: () => totals.changes,
  async stop() {
    changing?.cancel();
    await until(() => friendSees === current?.status, 'the friend has not heard the last change');
    return totals;
  },
  async changeOnce() {
    expectArrivals();
    change(options.celebrity);
    await allArrived('saw the change');
    return arrivals.slice().sort();
  },
  problems: () => [...fleet.closed, ...refused],
} satisfies CelebrityLoad);

function encode(frame: NonNullable<ClientFrame['frame']>): Buffer {
  return encodeMessage(ClientFrame.encode({ frame }).finish());
}

/** Of any of the subject's devices: a choice is for all of them. */
function change(subject: string): void {
  const turn = turns.get(subject) ?? 0;
  turns.set(subject, turn + 1);
  current = { subject, status: STATUSES[turn % STATUSES.length]! };
  const first = userIds.indexOf(subject);
  totals.changes++;
  changedAt = clock.monotonic();
  fleet.sockets[first + (turn % options.devices)]!.send(CHANGES[turn % CHANGES.length]!);
}

function receive(user: number, payload: Buffer): void {
  const { frame } = ServerFrame.decode(payload);
  if (frame?.$case === 'error') refused.push(frame.value.message);
  if (frame?.$case !== 'update') return;
  for (const presence of frame.value.presences) hear(user, presence);
}

function hear(user: number, { userId, status }: Presence): void {
  if (user >= options.viewers.length) {
    if (userIds[user] !== options.friendOf[userId] || userId !== current?.subject) return;
    totals.heard++;
    friendSees = status;
  } else if (user >= watching) {
    totals.pushed++;
  } else if (arrivals[user] === 0 && (changedAt === 0 || status === current?.status)) {
    arrivals[user] = clock.monotonic() - changedAt;
    arrived++;
  }
}

function expectArrivals(): void {
  arrivals = new Float64Array(watching);
  arrived = 0;
  changedAt = 0;
}

function allArrived(what: string): Promise<void> {
  return until(() => arrived === watching, `not all of ${watching} viewers ${what}`);
}

async function until(isDone: () => boolean, problem: string): Promise<void> {
  const giveUpAt = clock.monotonic() + PATIENCE_MS;
  while (!isDone()) {
    if (clock.monotonic() > giveUpAt) throw new Error(`${problem} within ${PATIENCE_MS} ms`);
    await clock.sleep(POLL_MS);
  }
}
