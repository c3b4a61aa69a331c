/**
 * Users who change their status and friends who see it: the clients of bench/propagation.ts. Both ends are in this one
 * process, so that one monotonic clock measures a change from the moment it is written to the moment a friend's socket
 * has it. That includes this process's own queue; so does the baseline's.
 */
import { ClientFrame, ServerFrame } from '../../gen/edge/v1/frames.ts';
import { Status } from '../../gen/presence/v1/presence.ts';
import { Activity } from '../../gen/presence/v1/presence_service.ts';
import { systemClock as clock, type Timer } from '../../lib/clock.ts';
import {
  createDeliveryLedger,
  type DeliveryLedger,
  type DeliveryTotals,
} from '../support/delivery-ledger.ts';
import { openFleet, type Fleet } from '../support/fleet.ts';
import { pace } from '../support/pace.ts';
import { serveRemote } from '../support/remote.ts';
import type { SocketClient } from '../support/socket-client.ts';
import { encodeMessage } from '../support/socket-frames.ts';

export interface PropagationLoad {
  /** Opens a socket for every user, and beats for all of them from then on. Resolves with the time it took, ms. */
  readonly connect: (options: ConnectOptions) => Promise<number>;
  /** Resolves when no update has come for a second: everyone has heard of everyone's coming. */
  readonly quiet: () => Promise<void>;
  /** Changes a second, users in turn, each one's statuses in turn. */
  readonly start: (perSecond: number) => void;
  readonly delivered: () => number;
  readonly takeLatencies: () => Float64Array;
  /** Stops changing, waits for what is still on its way, and tells what came of everything since the start. */
  readonly finish: () => Promise<PropagationOutcome>;
}

export interface ConnectOptions {
  readonly ports: readonly number[];
  /** By user; the user ids are the indices. */
  readonly friends: readonly (readonly number[])[];
  readonly heartbeatIntervalMs: number;
}

export interface PropagationOutcome extends DeliveryTotals {
  /** Sockets the server closed. */
  readonly closed: readonly string[];
  /** What the server refused. */
  readonly refused: readonly string[];
}

const QUIET_MS = 1000;
const GIVE_UP_MS = 10_000;
const POLL_MS = 20;
/** A prime: neighbours in the file are friends, and their changes should not come in one burst. */
const STRIDE = 1597;

/** The first is not the status users have when they come. */
const TURN = [Status.STATUS_BUSY, Status.STATUS_AWAY, Status.STATUS_ONLINE] as const;
const CHANGES = TURN.map((status) => encode({ $case: 'setStatus', value: { status } }));
const BEAT = encode({ $case: 'heartbeat', value: { activity: Activity.ACTIVITY_UNSPECIFIED } });

let fleet: Fleet | undefined;
let ledger: DeliveryLedger | undefined;
let beating: Timer | undefined;
let changing: Timer | undefined;
let lastUpdateAt = 0;
let changed = 0;
const refused: string[] = [];

serveRemote({
  async connect({ ports, friends, heartbeatIntervalMs }) {
    const startedAt = clock.monotonic();
    const userIds = friends.map((_, user) => String(user));
    // Who has come must beat while the others are still coming.
    const opened: SocketClient[] = [];
    let beats = 0;
    beating = pace(clock, (1000 * userIds.length) / heartbeatIntervalMs, () =>
      opened[beats++ % userIds.length]?.send(BEAT),
    );
    fleet = await openFleet(
      { ports, userIds, awaitSnapshot: true },
      { onMessage: receive, onOpen: (user, socket) => (opened[user] = socket) },
    );
    ledger = createDeliveryLedger(friends);
    return clock.monotonic() - startedAt;
  },
  async quiet() {
    lastUpdateAt = clock.monotonic();
    while (clock.monotonic() - lastUpdateAt < QUIET_MS) await clock.sleep(POLL_MS);
  },
  start: (perSecond) => {
    changing = pace(clock, perSecond, changeNext);
  },
  delivered: () => ledger?.totals().delivered ?? 0,
  takeLatencies: () => ledger?.takeLatencies() ?? new Float64Array(),
  finish,
} satisfies PropagationLoad);

function encode(frame: NonNullable<ClientFrame['frame']>): Buffer {
  return encodeMessage(ClientFrame.encode({ frame }).finish());
}

function changeNext(): void {
  const users = fleet?.sockets.length ?? 0;
  const subject = (changed * STRIDE) % users;
  const turn = Math.floor(changed / users) % TURN.length;
  changed++;
  ledger?.changed(subject, TURN[turn]!, clock.monotonic());
  fleet?.sockets[subject]?.send(CHANGES[turn]!);
}

function receive(viewer: number, payload: Buffer): void {
  const at = clock.monotonic();
  const { frame } = ServerFrame.decode(payload);
  if (frame?.$case === 'update') {
    lastUpdateAt = at;
    for (const { userId, status } of frame.value.presences) {
      ledger?.heard(viewer, Number(userId), status, at);
    }
  } else if (frame?.$case === 'error') {
    refused.push(frame.value.message);
  }
}

async function finish(): Promise<PropagationOutcome> {
  changing?.cancel();
  const giveUpAt = clock.monotonic() + GIVE_UP_MS;
  const isComplete = (): boolean => {
    const { expected, delivered } = ledger!.totals();
    return delivered >= expected;
  };
  while (!isComplete() && clock.monotonic() < giveUpAt) await clock.sleep(POLL_MS);
  beating?.cancel();
  const outcome = { ...ledger!.totals(), closed: fleet!.closed, refused };
  fleet!.close();
  return outcome;
}
