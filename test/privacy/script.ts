/** What the viewer does in every run, and what somebody hidden from them may do meanwhile. */
import type { Status } from '../../gen/presence/v1/presence.ts';
import { choose, chooseFor, type World } from './world.ts';
import type { RecordedSocket } from './recordings.ts';

/** Something the hidden one does; none of it is to be told from `wait`. */
export type Deed =
  | { readonly do: 'wait' }
  | { readonly do: 'connect' | 'disconnect' | 'cut' | 'logout' | 'idle' | 'active'; device: number }
  | { readonly do: 'choose'; readonly status: Status }
  /** A device chooses, not somebody without one. */
  | { readonly do: 'say'; readonly device: number; readonly status: string }
  | { readonly do: EdgeDeed; readonly whom: string };

type EdgeDeed = 'befriend' | 'unfriend' | 'follow' | 'unfollow' | 'block' | 'unblock';

/** Of one slot of the script. Each slot is as long as every other. */
export type Deeds = readonly Deed[];

export const DEEDS_A_SLOT = 3;
export const SLOTS = 6;
export const DEED_MS = 400;

/** Does what it is told in the name of the subject. */
export function createHidden(world: World): (deeds: Deeds) => Promise<void> {
  const devices = new Map<number, RecordedSocket>();
  const doOne = async (deed: Deed): Promise<void> => {
    switch (deed.do) {
      case 'wait':
        return;
      case 'connect':
        if (!devices.has(deed.device)) devices.set(deed.device, await world.connect('subject'));
        return;
      case 'choose':
        await chooseFor(world.mesh, 'subject', deed.status);
        return;
      case 'say':
        devices.get(deed.device)?.send(choose(deed.status));
        return;
      case 'disconnect':
      case 'cut':
      case 'logout':
      case 'idle':
      case 'active': {
        const device = devices.get(deed.device);
        if (device) await tell(device, deed.do);
        if (deed.do !== 'idle' && deed.do !== 'active') devices.delete(deed.device);
        return;
      }
      default:
        await changeEdge(world, deed.do, deed.whom);
    }
  };
  return async (deeds) => {
    for (let i = 0; i < DEEDS_A_SLOT; i++) {
      await world.act('subject', () => doOne(deeds[i] ?? { do: 'wait' }));
      await world.pass(DEED_MS);
    }
  };
}

async function tell(
  device: RecordedSocket,
  what: 'disconnect' | 'cut' | 'logout' | 'idle' | 'active',
): Promise<void> {
  if (what === 'disconnect') await device.close();
  else if (what === 'cut') device.cut();
  else device.send(JSON.stringify(SAID[what]));
}

const SAID = {
  logout: { logout: {} },
  idle: { heartbeat: { activity: 'ACTIVITY_IDLE' } },
  active: { heartbeat: {} },
};

export async function changeEdge({ mesh }: World, kind: EdgeDeed, whom: string): Promise<void> {
  const userId = 'subject';
  switch (kind) {
    case 'befriend':
      await mesh.graph.unary((client) => client.befriend, { userId, friendUserId: whom });
      return;
    case 'unfriend':
      await mesh.graph.unary((client) => client.unfriend, { userId, friendUserId: whom });
      return;
    case 'follow':
      await mesh.graph.unary((client) => client.follow, { userId, followedUserId: whom });
      return;
    case 'unfollow':
      await mesh.graph.unary((client) => client.unfollow, { userId, followedUserId: whom });
      return;
    case 'block':
      await mesh.graph.unary((client) => client.block, { userId, blockedUserId: whom });
      return;
    case 'unblock':
      await mesh.graph.unary((client) => client.unblock, { userId, blockedUserId: whom });
      return;
  }
}

/**
 * What others bring about as a slot begins. FENCE, LOSS: every shard is fenced, with its data or without. CROWD, DESERT:
 * so many follow the subject, or follow them no more, that their followers look them up, or are told again. BEFRIEND:
 * the viewer becomes a friend of the subject.
 */
export interface Disturbance {
  readonly slot: number;
  readonly kind: 'FENCE' | 'LOSS' | 'CROWD' | 'DESERT' | 'BEFRIEND';
}

/** All that the viewer does, with the slots of the hidden one in between. */
export async function play(
  world: World,
  slots: readonly Deeds[],
  disturbances: readonly Disturbance[] = [],
): Promise<void> {
  const hidden = createHidden(world);
  const { friend } = world;
  const slot = async (i: number): Promise<void> => {
    for (const disturbance of disturbances.filter((one) => one.slot === i)) {
      await world.act('others', () => disturb(world, disturbance));
    }
    await hidden(slots[i] ?? []);
  };
  const json = await world.connectViewer('json 1', 'presence.v1+json');
  const proto = await world.connectViewer('proto', 'presence.v1+proto');
  await world.openEvents('events');
  await slot(0);
  await world.act('friend', () => friend.send(choose('STATUS_BUSY')));
  await world.lookUp('look-up 1');
  await slot(1);
  await world.act('viewer', () => json.send(JSON.stringify({ watch: { userIds: ['subject'] } })));
  await slot(2);
  await world.act('viewer', () => json.send(JSON.stringify({ resync: {} })));
  await world.act('viewer', () => proto.send(RESYNC_PROTO));
  await world.lookUp('look-up 2');
  await slot(3);
  await world.act('friend', () => friend.send(choose('STATUS_AWAY')));
  await world.act('viewer', () => json.close());
  await slot(4);
  const again = await world.connectViewer('json 2', 'presence.v1+json');
  await world.act('viewer', () => again.send(JSON.stringify({ watch: { userIds: ['subject'] } })));
  await slot(5);
  await world.act('friend', () => friend.send(choose('STATUS_ONLINE')));
  await world.act('viewer', () => again.send(JSON.stringify({ resync: {} })));
  await world.lookUp('look-up 3');
  await world.pass(LAST_MS);
}

async function disturb({ mesh, fans }: World, { kind }: Disturbance): Promise<void> {
  const { store, graph } = mesh;
  switch (kind) {
    case 'LOSS':
      mesh.loseData();
      return;
    case 'FENCE':
      for (let shard = 0; shard < store.shardCount; shard++) {
        await store.fence(shard, { truncate: false });
      }
      return;
    case 'CROWD':
      for (const userId of fans) {
        await graph.unary((client) => client.follow, { userId, followedUserId: 'subject' });
      }
      return;
    case 'DESERT':
      for (const userId of fans) {
        await graph.unary((client) => client.unfollow, { userId, followedUserId: 'subject' });
      }
      return;
    case 'BEFRIEND':
      return mesh.befriend('viewer', 'subject');
  }
}

/** Longer than a lease and than a watch's poll: what was begun in the last slot comes to an end. */
const LAST_MS = 4000;
/** ClientFrame { resync {} } */
const RESYNC_PROTO = Uint8Array.of(0x2a, 0x00);
