/** Hears everything that a client tells, and remembers what should not have been told. */
import {
  isNewer,
  type Presence,
  type PresenceClient,
  type PresenceEvents,
} from '../../sdk/index.ts';

export interface Witness {
  /** Versions that went backward, events that told nothing, changes from what had not been shown. */
  readonly mistakes: readonly string[];
  /** Events of one kind, in order. */
  heard<K extends keyof PresenceEvents>(event: K): readonly PresenceEvents[K][];
}

type Heard = { [K in keyof PresenceEvents]: PresenceEvents[K][] };

export function createWitness(client: PresenceClient): Witness {
  const mistakes: string[] = [];
  const heard: Heard = {
    ...{ presence: [], connection: [], disconnected: [] },
    ...{ closed: [], error: [], gap: [] },
  };
  client.on('connection', (status) => heard.connection.push(status));
  client.on('disconnected', (closing) => heard.disconnected.push(closing));
  client.on('closed', (closing) => heard.closed.push(closing));
  client.on('error', (error) => heard.error.push(error));
  client.on('gap', (gap) => heard.gap.push(gap));

  const shown = new Map<string, Presence>();
  client.on('presence', (change) => {
    const { userId, presence, previous } = change;
    heard.presence.push(change);
    if (previous !== shown.get(userId)) mistakes.push(`${userId} was not shown as what changed`);
    mistakes.push(...mistakesIn(presence, previous));
    if (presence) shown.set(userId, presence);
    else shown.delete(userId);
  });

  let snapshot = client.getSnapshot();
  client.subscribe(() => {
    if (client.getSnapshot() === snapshot) mistakes.push('a subscriber was called for nothing');
    snapshot = client.getSnapshot();
  });
  return { mistakes, heard: (event) => heard[event] };
}

function mistakesIn(presence: Presence | undefined, previous: Presence | undefined): string[] {
  const change = `${describe(previous)} became ${describe(presence)}`;
  if (describe(presence) === describe(previous)) return [`nothing changed: ${change}`];
  if (presence && previous && isNewer(previous.version, presence.version))
    return [`backward: ${change}`];
  return [];
}

const describe = (presence: Presence | undefined): string =>
  presence ? JSON.stringify(presence) : 'unseen';
