/** What each user is answered about all the others is what is so, and what their devices show. */
import type { Gateway } from '../../gateway/app.ts';
import { addressOf } from '../gateway/in-process-mesh.ts';
import type { WirePresence } from '../support/client-view.ts';
import { statusOf, type Scene } from './checks.ts';
import type { Device } from './device.ts';
import { USERS } from './history.ts';

/** @throws Error that says who is answered, or shown, what is not so. */
export async function lookUpAll(gateway: Gateway, scene: Scene): Promise<void> {
  for (const viewer of USERS) {
    for (const presence of await lookUp(gateway, viewer)) isRight(viewer, presence, scene);
  }
}

async function lookUp(gateway: Gateway, viewer: string): Promise<readonly WirePresence[]> {
  const others = USERS.filter((userId) => userId !== viewer).map((id) => `user_id=${id}`);
  const response = await fetch(`http://${addressOf(gateway)}/v1/presence?${others.join('&')}`, {
    headers: { authorization: `Bearer dev:${viewer}`, connection: 'close' },
  });
  return ((await response.json()) as { presences: WirePresence[] }).presences;
}

function isRight(viewer: string, presence: WirePresence, scene: Scene): void {
  const { oracle, nowMs, devices } = scene;
  const expected = oracle.shows(viewer, presence.userId, nowMs) ?? 'OFFLINE';
  if (statusOf(presence) !== expected) {
    throw new Error(`${viewer} looks up ${JSON.stringify(presence)}, not ${expected}`);
  }
  const theirs = devices.filter(({ userId, number, isOpen }) => {
    return isOpen && userId === viewer && oracle.isAlive(number, nowMs);
  });
  for (const device of theirs) isSame(device, presence);
}

/** Who is OFFLINE is so in all that is told of them; while they are not, they are active, and versions may move. */
function isSame(device: Device, found: WirePresence): void {
  const seen = device.view.get(found.userId);
  if (!seen || seen.mode === 'MODE_PULL') return;
  const isAhead = BigInt(seen.version ?? 0) > BigInt(found.version ?? 0);
  const isOther = statusOf(found) === 'OFFLINE' && seen.lastActive !== found.lastActive;
  if (!isAhead && !isOther) return;
  const words = `${JSON.stringify(seen)}, looks up ${JSON.stringify(found)}`;
  throw new Error(`${device.userId}'s device ${device.number} sees ${words}`);
}
