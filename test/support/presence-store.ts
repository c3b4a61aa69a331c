/** Short ways to say what happens to users of a presence store. */
import type { Beat, Change, PresenceStore } from '../../store/presence-store.ts';
import { eventually } from './eventually.ts';

/** Of a store on Redis, where it is no matter how long that takes: on a busy machine it may be seconds. */
export const PATIENT = { commandTimeoutMs: 20_000 };

let names = 0;
/** Of a user that no other test of the file knows. */
export const newUser = (): string => `user-${++names}`;

type Of<Kind extends Change['kind']> = Extract<Change, { kind: Kind }>;

export const open = (userId: string, more: Partial<Of<'open'>> = {}): Of<'open'> => ({
  kind: 'open',
  ...{ userId, sessionId: `${userId}/1`, gatewayId: 'gw-1', device: 'phone', activity: 'ONLINE' },
  ...{ epoch: 0, ageMs: 0, trace: '' },
  ...more,
});

export const choose = (userId: string, chosen: Of<'choose'>['chosen']): Of<'choose'> => ({
  ...{ kind: 'choose', userId, chosen, trace: '' },
});

export const close = (userId: string, sessionId: string, graceMs: number): Of<'close'> => ({
  ...{ kind: 'close', userId, sessionId, graceMs, trace: '' },
});

/** Of the session that `open` opens. */
export const beat = (userId: string, more: Partial<Beat> = {}): Beat => ({
  ...{ userId, sessionId: `${userId}/1`, ageMs: 0, epoch: 0, ...more },
});

export async function beatOne(store: PresenceStore, one: Beat) {
  return (await store.beat(store.shardOf(one.userId), [one])).outcomes[0]!;
}

export async function settledOf(store: PresenceStore, userId: string) {
  return (await store.lookup(store.shardOf(userId), [userId])).settled[0]!;
}

/** As the owner of the shard. */
export async function sweep(store: PresenceStore, shard: number, limit = 1_000) {
  const reply = await store.sweep({ shard, owner: 'test', ownerTtlMs: 10_000, limit });
  if (!reply.owned) throw new Error('another worker owns the shard');
  return reply;
}

/** The user's entries in the outbox. */
export async function outboxOf(store: PresenceStore, userId: string) {
  const { outbox } = await sweep(store, store.shardOf(userId));
  return outbox.filter((entry) => entry.settled.userId === userId);
}

/** What the owner of a shard does: look at whoever is due. */
export async function lookAtDue(store: PresenceStore, userId: string): Promise<readonly string[]> {
  const shard = store.shardOf(userId);
  const { due } = await sweep(store, shard);
  await store.look(shard, due);
  return due;
}

/** A server that has just started holds every shard for a while. */
export async function untilNoHold(store: PresenceStore): Promise<void> {
  const shards = Array.from({ length: store.shardCount }, (_, shard) => shard);
  await eventually(async () => {
    const states = await Promise.all(shards.map((shard) => store.lookup(shard, [])));
    return states.every(({ holdMs }) => holdMs === 0);
  });
}
