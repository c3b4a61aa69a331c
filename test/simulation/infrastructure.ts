/** The parts of the mesh in time that the test owns, with everything between them and their servers to be broken. */
import type { FanoutPart } from '../../fanout/app.ts';
import type { Gateway } from '../../gateway/app.ts';
import { GatewayRecord } from '../../gen/fanout/v1/messages.ts';
import type { BusRecord, MessageBus } from '../../lib/kafka/bus.ts';
import { createDisposer } from '../../lib/lifecycle.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import { plugged } from '../fanout/faults.ts';
import { startInProcessMesh, type InProcessMesh } from '../gateway/in-process-mesh.ts';
import { patient } from '../support/clients.ts';
import {
  countCalls,
  createOwnedTime,
  untilQuiet,
  whileTimePasses,
  type OwnedTime,
} from '../support/owned-time.ts';
import type { Sent } from './checks.ts';
import {
  createFaultyBus,
  createFaultyStore,
  cuttable,
  type FaultyBus,
  type FaultyStore,
} from './faults.ts';
import type { Rules } from './oracle.ts';

export interface RunningGateway {
  readonly gateway: Gateway;
  /** From everything but its clients. */
  setCut(isCut: boolean): void;
}

export interface Worker {
  readonly part: FanoutPart;
  readonly isKilled: boolean;
  /** As when its process is killed; when it is about to make that call. */
  kill(atCall: number): void;
}

export interface Infrastructure extends AsyncDisposable {
  readonly time: OwnedTime;
  readonly mesh: InProcessMesh;
  /** Never broken. */
  readonly store: PresenceStore;
  readonly storeFaults: FaultyStore;
  readonly busFaults: FaultyBus;
  /** Something happened that more may come of. */
  noteEvent(): void;
  /** Resolves when nothing is under way; all that is left waits for time to pass. */
  quiet(sockets: Iterable<{ roundTrip(): Promise<void> }>): Promise<void>;
  /** Messages to gateways since it was last asked. */
  takeSent(): readonly Sent[];
  addGateway(): Promise<RunningGateway>;
  addWorker(): Promise<Worker>;
}

const TOPIC_PREFIX = 'presence-updates.';
/** Between beats, as clients are told; those of the test beat when it says. */
const HEARTBEAT_MS = 500;
const MAX_TURNS = 4;
/** No time passes while it is asked whether all is quiet, by pings. */
const ANY_RATE = { perSecond: 1e6, burst: 1e6 };

export async function startInfrastructure(
  rules: Rules,
  random: () => number,
): Promise<Infrastructure> {
  const disposer = createDisposer();
  const time = createOwnedTime(random);
  const { clock } = time;
  let events = 0;
  const noteEvent = (): void => {
    events++;
  };
  const sent: Sent[] = [];
  /** Calls take their time: what is under way side by side ends in any order. */
  const turns = async (): Promise<void> => {
    for (let left = Math.floor(random() * MAX_TURNS); left > 0; left--) {
      await new Promise(setImmediate);
    }
    noteEvent();
  };
  const found: { store?: PresenceStore; faults?: FaultyStore } = {};
  const started = await whileTimePasses(time, () =>
    startInProcessMesh({
      ...{ clock, leaseTtlMs: rules.leaseMs, closeGraceMs: rules.graceMs, workers: 0 },
      maxFollowers: rules.maxFollowers,
      aroundStore: (store) => {
        found.store = store;
        found.faults = createFaultyStore(store, turns);
        return countCalls(found.faults.store, noteEvent);
      },
    }),
  );
  disposer.add(started);
  // No time passes in the test while the machine is busy.
  const mesh: InProcessMesh = {
    ...started,
    presence: patient(started.presence),
    registry: patient(started.registry),
    graph: patient(started.graph),
  };
  const busFaults = createFaultyBus(mesh.bus, turns, (topic, records) => {
    noteEvent();
    if (topic.startsWith(TOPIC_PREFIX)) sent.push(...sentTo(topic, records));
  });
  let made = 0;
  return {
    ...{ time, mesh, busFaults, noteEvent },
    store: found.store!,
    storeFaults: found.faults!,
    quiet: (sockets) => untilQuiet({ mesh, sockets, seen: () => events }),
    takeSent: () => sent.splice(0),
    async addGateway() {
      const bus = createFaultyBus(busFaults.bus, turns);
      const presence = cuttable(mesh.presence);
      const registry = cuttable(mesh.registry);
      const graph = cuttable(mesh.graph);
      const gateway = await mesh.addGateway({
        ...{ gatewayName: `gateway-${made++}`, bus: bus.bus, drainMs: 0 },
        ...{ presence: presence.pool, registry: registry.pool, graph: graph.pool },
        heartbeatIntervalMs: HEARTBEAT_MS,
        limits: { rate: ANY_RATE, requests: ANY_RATE },
      });
      return {
        gateway,
        setCut(isCut) {
          bus.set(isCut ? 'cut off' : 'well');
          for (const way of [presence, registry, graph]) way.setCut(isCut);
        },
      };
    },
    async addWorker() {
      const store = plugged(mesh.store);
      const bus = plugged(busFaults.bus);
      const graph = plugged(mesh.graph);
      const plugs = [store, bus, graph];
      disposer.defer(() => plugs.forEach((plug) => plug[Symbol.dispose]()));
      let isKilled = false;
      let callsLeft = Infinity;
      const noteCall = (): void => {
        if (callsLeft-- <= 0) plugs.forEach((plug) => plug.pull());
      };
      const part = await mesh.addWorker({
        store: countCalls(store.plug, noteCall),
        bus: noting(bus.plug, noteCall),
        graph: graph.plug,
      });
      return {
        part,
        get isKilled() {
          return isKilled;
        },
        kill(atCall) {
          isKilled = true;
          callsLeft = atCall;
          if (atCall === 0) noteCall();
        },
      };
    },
    [Symbol.asyncDispose]: () => whileTimePasses(time, async () => disposer[Symbol.asyncDispose]()),
  };
}

function sentTo(topic: string, records: readonly BusRecord[]): Sent[] {
  const gatewayId = topic.slice(TOPIC_PREFIX.length);
  return records.flatMap(({ value }) => {
    const { payload } = GatewayRecord.decode(value);
    if (payload?.$case !== 'delivery') return [];
    return [{ gatewayId, recipientUserIds: payload.value.recipientUserIds }];
  });
}

function noting(bus: MessageBus, note: () => void): MessageBus {
  return {
    ...bus,
    send(topic, records) {
      note();
      return bus.send(topic, records);
    },
  };
}
