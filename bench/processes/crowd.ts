/** The clients of bench/reconnects.ts: a crowd that comes to a gateway all at once, beats, and may leave again. */
import { ClientFrame, ServerFrame } from '../../gen/edge/v1/frames.ts';
import { Activity } from '../../gen/presence/v1/presence_service.ts';
import { systemClock as clock, type Timer } from '../../lib/clock.ts';
import { openFleet, type Fleet } from '../support/fleet.ts';
import { pace } from '../support/pace.ts';
import { serveRemote } from '../support/remote.ts';
import type { SocketClient } from '../support/socket-client.ts';
import { encodeMessage } from '../support/socket-frames.ts';

export interface Crowd {
  /** Opens a socket for everyone; resolves when all have their snapshots, with the ms that each one waited for it. */
  readonly come: (options: CrowdOptions) => Promise<Float64Array>;
  /** Closes all sockets, unless their server has. */
  readonly leave: () => void;
  /** Resolves when no update has come for a second: everyone has heard of everyone's coming. */
  readonly quiet: () => Promise<void>;
  /** Updates since it was last asked. */
  readonly takeUpdates: () => number;
}

export interface CrowdOptions {
  readonly port: number;
  readonly userIds: readonly string[];
  /** Sockets that open at the same time. */
  readonly atOnce: number;
  readonly heartbeatIntervalMs: number;
}

const QUIET_MS = 1000;
const POLL_MS = 20;
const BEAT = encodeMessage(
  ClientFrame.encode({
    frame: { $case: 'heartbeat', value: { activity: Activity.ACTIVITY_UNSPECIFIED } },
  }).finish(),
);

let fleet: Fleet | undefined;
let beating: Timer | undefined;
let lastUpdateAt = 0;
let updates = 0;

serveRemote({ come, leave, quiet, takeUpdates } satisfies Crowd);

async function come(options: CrowdOptions): Promise<Float64Array> {
  const { port, userIds, atOnce, heartbeatIntervalMs } = options;
  // Who has come must beat while the others are still coming.
  const opened: SocketClient[] = [];
  let beats = 0;
  beating = pace(clock, (1000 * userIds.length) / heartbeatIntervalMs, () =>
    opened[beats++ % userIds.length]?.send(BEAT),
  );
  const tookMs = new Float64Array(userIds.length);
  fleet = await openFleet(
    { ports: [port], userIds, awaitSnapshot: true, atOnce },
    {
      onMessage: (_user, payload) => receive(payload),
      onOpen: (user, socket, openedInMs) => {
        opened[user] = socket;
        tookMs[user] = openedInMs;
      },
    },
  );
  return tookMs;
}

function leave(): void {
  beating?.cancel();
  fleet?.close();
}

async function quiet(): Promise<void> {
  lastUpdateAt = clock.monotonic();
  while (clock.monotonic() - lastUpdateAt < QUIET_MS) await clock.sleep(POLL_MS);
}

function takeUpdates(): number {
  const taken = updates;
  updates = 0;
  return taken;
}

function receive(payload: Buffer): void {
  const { frame } = ServerFrame.decode(payload);
  if (frame?.$case !== 'update') return;
  lastUpdateAt = clock.monotonic();
  updates += frame.value.presences.length;
}
