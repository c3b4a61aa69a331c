/** What can be wrong between the parts and their servers. */
import { status, type ClientDuplexStream } from '@grpc/grpc-js';
import { RpcError } from '../../lib/errors.ts';
import type { ClientPool, Peer } from '../../lib/grpc/client.ts';
import type { BaseClient } from '../../lib/grpc/peer.ts';
import { BusError, type BusRecord, type MessageBus } from '../../lib/kafka/bus.ts';
import { RedisError } from '../../lib/redis/errors.ts';
import type { PresenceStore } from '../../store/presence-store.ts';
import type { StoreCall } from './history.ts';

export interface FaultyStore {
  readonly store: PresenceStore;
  /** So many of the next calls fail; doubtful ones have done what was asked. */
  fail(call: StoreCall, times: number, isDoubtful: boolean): void;
  /** Every call fails. */
  leave(): void;
  heal(): void;
}

/** @param turns what a call waits for before it is made, and its answer before it is given. */
export function createFaultyStore(store: PresenceStore, turns: () => Promise<void>): FaultyStore {
  const failing = new Map<StoreCall, { times: number; readonly isDoubtful: boolean }>();
  let isAway = false;
  const away = (): Error => new RedisError('UNAVAILABLE', 'the test', 'does not answer');
  const faulty =
    <Args extends unknown[], Reply>(name: StoreCall, call: (...args: Args) => Promise<Reply>) =>
    async (...args: Args): Promise<Reply> => {
      if (isAway) throw away();
      const fault = failing.get(name);
      if (!fault || fault.times === 0) return call(...args);
      fault.times--;
      if (fault.isDoubtful) await call(...args);
      throw away();
    };
  const slow =
    <Args extends unknown[], Reply>(call: (...args: Args) => Promise<Reply>) =>
    async (...args: Args): Promise<Reply> => {
      await turns();
      const reply = await call(...args);
      await turns();
      return reply;
    };
  const { change, beat, lookup, look, ack, sweep, routes, keepLease, listLeases } = store;
  return {
    store: {
      ...store,
      change: slow(faulty('change', change)),
      beat: slow(faulty('beat', beat)),
      lookup: (shard, userIds) =>
        // Presence asks every shard how it is, all the time: that is nothing under way.
        (userIds.length > 0 ? slow(faulty('lookup', lookup)) : faulty('lookup', lookup))(
          shard,
          userIds,
        ),
      look: slow(faulty('look', look)),
      ack: slow(faulty('ack', ack)),
      routes: slow(faulty('routes', routes)),
      sweep: faulty('sweep', sweep),
      keepLease: faulty('keepLease', keepLease),
      listLeases: faulty('listLeases', listLeases),
    },
    fail: (call, times, isDoubtful) => failing.set(call, { times, isDoubtful }),
    leave: () => {
      isAway = true;
    },
    heal: () => {
      isAway = false;
      failing.clear();
    },
  };
}

/** Refusing writes nothing, doubtful does and says it did not; late keeps from readers what was written. */
export type BusState = 'well' | 'refusing' | 'doubtful' | 'late' | 'cut off';

export interface FaultyBus {
  readonly bus: MessageBus;
  set(state: BusState): void;
}

export function createFaultyBus(
  bus: MessageBus,
  turns: () => Promise<void>,
  onSend: (topic: string, records: readonly BusRecord[]) => void = () => undefined,
): FaultyBus {
  let state: BusState = 'well';
  let letThrough = (): void => undefined;
  let gate = Promise.resolve();
  const refuse = (): never => {
    throw new BusError('UNAVAILABLE', 'the test refuses');
  };
  return {
    bus: {
      ...bus,
      async send(topic, records) {
        if (state === 'refusing' || state === 'cut off') refuse();
        onSend(topic, records);
        await turns();
        await bus.send(topic, records);
        if (state === 'doubtful') refuse();
      },
      read: (topic, options) =>
        bus.read(topic, {
          ...options,
          onRecord: async (record) => {
            await gate;
            await turns();
            await options.onRecord(record);
          },
        }),
    },
    set(next) {
      state = next;
      letThrough();
      if (state !== 'late' && state !== 'cut off') return;
      gate = new Promise((resolve) => {
        letThrough = resolve;
      });
    },
  };
}

export interface Cuttable<C extends BaseClient> {
  readonly pool: ClientPool<C>;
  setCut(isCut: boolean): void;
}

/** One gateway's way to a service. Cut, its streams break and its calls fail. */
export function cuttable<C extends BaseClient>(pool: ClientPool<C>): Cuttable<C> {
  const streams = new Set<Cancellable>();
  let isCut = false;
  const cut = (): RpcError => new RpcError(status.UNAVAILABLE, 'the test has cut the connection');
  const note = (stream: Cancellable): void => {
    streams.add(stream);
    if (isCut) stream.cancel();
  };
  const clients = pool.clients.map((peer) => withClient(peer, noting(peer.client, note)));
  return {
    pool: {
      ...pool,
      clients,
      unary: (...args) => (isCut ? Promise.reject(cut()) : pool.unary(...args)),
      asking: (method) => {
        const ask = pool.asking(method);
        return (...args) => (isCut ? Promise.reject(cut()) : ask(...args));
      },
      async *stream(...args) {
        if (isCut) throw cut();
        yield* pool.stream(...args);
      },
    },
    setCut(cutNow) {
      isCut = cutNow;
      if (!isCut) return;
      for (const stream of streams) stream.cancel();
      streams.clear();
    },
  };
}

/** The same process, called by another client. */
function withClient<C extends BaseClient>(peer: Peer<C>, client: C): Peer<C> {
  return new Proxy(peer, {
    get(target, name) {
      if (name === 'client') return client;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

type Cancellable = Pick<ClientDuplexStream<unknown, unknown>, 'cancel'>;

/** The client, telling of each stream of heartbeats that is opened with it. */
function noting<C extends object>(client: C, note: (stream: Cancellable) => void): C {
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name !== 'streamHeartbeats' || typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const stream = Reflect.apply(value, target, args) as Cancellable;
        note(stream);
        return stream;
      };
    },
  });
}
