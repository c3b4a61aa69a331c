/** Sockets that beat: the clients of bench/heartbeats.ts, in a process whose CPU is not counted. */
import { ClientFrame, ServerFrame } from '../../gen/edge/v1/frames.ts';
import { Activity } from '../../gen/presence/v1/presence_service.ts';
import { systemClock as clock, type Timer } from '../../lib/clock.ts';
import { openFleet, type Fleet, type FleetOptions } from '../support/fleet.ts';
import { pace } from '../support/pace.ts';
import { serveRemote } from '../support/remote.ts';
import type { SocketClient } from '../support/socket-client.ts';
import { encodeMessage } from '../support/socket-frames.ts';

export interface HeartbeatLoad {
  /** Opens a socket for every user. Each beats from the moment it is open. */
  readonly connect: (options: HeartbeatLoadOptions) => Promise<void>;
  readonly counts: () => HeartbeatCounts;
  /** Stops beating; resolves when every beat has been acknowledged, or after a while in which that did not happen. */
  readonly finish: () => Promise<HeartbeatCounts>;
}

export interface HeartbeatLoadOptions extends FleetOptions {
  readonly heartbeatIntervalMs: number;
}

export interface HeartbeatCounts {
  readonly sent: number;
  readonly acks: number;
  /** Messages other than acks, since all sockets are open. */
  readonly others: number;
  readonly closed: readonly string[];
}

const BEAT = encodeMessage(
  ClientFrame.encode({
    frame: { $case: 'heartbeat', value: { activity: Activity.ACTIVITY_UNSPECIFIED } },
  }).finish(),
);
/** What a frame with an ack ends with; its running number comes before. */
const ACK = ServerFrame.encode({ n: 0n, frame: { $case: 'ack', value: {} } }).finish();
const GIVE_UP_MS = 5_000;
const POLL_MS = 20;

const sockets: SocketClient[] = [];
let fleet: Fleet | undefined;
let beating: Timer | undefined;
let sent = 0;
let acks = 0;
let others = 0;

serveRemote({ connect, counts, finish } satisfies HeartbeatLoad);

async function connect({ heartbeatIntervalMs, ...options }: HeartbeatLoadOptions): Promise<void> {
  const users = options.userIds.length;
  let turn = 0;
  beating = pace(clock, (1000 * users) / heartbeatIntervalMs, () => beat(turn++ % users));
  fleet = await openFleet(options, {
    onMessage: receive,
    onOpen: (user, socket) => (sockets[user] = socket),
  });
  others = 0;
}

function beat(user: number): void {
  const socket = sockets[user];
  if (!socket) return;
  socket.send(BEAT);
  sent++;
}

function receive(_user: number, payload: Buffer): void {
  if (payload.at(-2) === ACK[0] && payload.at(-1) === ACK[1]) acks++;
  else others++;
}

function counts(): HeartbeatCounts {
  return { sent, acks, others, closed: fleet?.closed ?? [] };
}

async function finish(): Promise<HeartbeatCounts> {
  beating?.cancel();
  const giveUpAt = clock.monotonic() + GIVE_UP_MS;
  while (acks < sent && clock.monotonic() < giveUpAt) await clock.sleep(POLL_MS);
  fleet?.close();
  return counts();
}
