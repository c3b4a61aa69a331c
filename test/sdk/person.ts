/** Somebody with a client of their own, on real sockets that a test can get at. */
import { expect } from '@jest/globals';
import {
  createPresenceClient,
  type PresenceClient,
  type PresenceClientOptions,
  type Status,
} from '../../sdk/index.ts';
import { eventually, type EventuallyOptions } from '../support/eventually.ts';
import { createTap, type Tap } from './tap.ts';
import { createWitness, type Witness } from './witness.ts';

export interface Person extends Disposable {
  readonly client: PresenceClient;
  readonly tap: Tap;
  readonly witness: Witness;
  /** Every status of everyone that was shown, in order, as `bob ONLINE`. */
  readonly shown: readonly string[];
  sees(userId: string, status: Status, options?: EventuallyOptions): Promise<void>;
  /** Connected, and its view is right. */
  isOnline(options?: EventuallyOptions): Promise<void>;
}

/** Connects at once. */
export function createPerson(
  userId: string,
  options: Partial<PresenceClientOptions> & Pick<PresenceClientOptions, 'url'>,
): Person {
  const tap = createTap();
  const shown: string[] = [];
  const client = createPresenceClient({
    token: `dev:${userId}`,
    WebSocket: tap.WebSocket,
    backoff: { baseMs: 20, maxMs: 200 },
    ...options,
  });
  const witness = createWitness(client);
  client.on('presence', (change) =>
    shown.push(`${change.userId} ${change.presence?.status ?? 'gone'}`),
  );
  client.connect();
  return {
    ...{ client, tap, witness, shown },
    sees: (other, status, limits) =>
      eventually(() => expect(client.getPresence(other)?.status).toBe(status), limits),
    isOnline: (limits) =>
      eventually(
        () => expect(client.getConnection()).toMatchObject({ state: 'online', isStale: false }),
        limits,
      ),
    [Symbol.dispose]: () => client.close(),
  };
}
