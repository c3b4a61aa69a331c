/** The world as users see it, compared with what the oracle says they may see. */
import type { WirePresence } from '../support/client-view.ts';
import type { Device } from './device.ts';
import type { Oracle, Visible } from './oracle.ts';
import { Timeline } from './timeline.ts';

/** A message to a gateway, and who it is for. */
export interface Sent {
  readonly gatewayId: string;
  readonly recipientUserIds: readonly string[];
}

export interface Scene {
  readonly oracle: Oracle;
  readonly nowMs: number;
  readonly devices: readonly Device[];
  /** Since when something has been broken; undefined while nothing is, and what was is mended. */
  readonly brokenSinceMs: number | undefined;
  /** Several things happened at the same time. */
  readonly isTogether: boolean;
}

/** A lease's end may be told so much later: two steps of time and what is promised, ms. */
const LATE_MS = 450;
/** Who watches is told of a change within a second, in steps; ms. */
const WATCH_LATE_MS = 1450;

export class Checks {
  readonly #shown = new Map<string, Timeline<Visible | undefined>>();

  /** What may be seen now, for comparing with what is told later. */
  note({ oracle, nowMs }: Scene): void {
    for (const viewer of oracle.users) {
      for (const subject of oracle.users) {
        this.#timeline(viewer, subject).note(oracle.shows(viewer, subject, nowMs), nowMs);
      }
    }
  }

  /** At any time: nothing reached a device that its user may not know. */
  toldNothingElse(scene: Scene): void {
    for (const device of scene.devices) {
      for (const presence of device.takeTold()) this.#mayBeTold(device, presence, scene);
      if (device.gaps > 0) fail(device, scene, 'frames are missing');
      if (device.regressions.length > 0) fail(device, scene, device.regressions.join('; '));
    }
  }

  /** At any time: messages went only where a recipient was. */
  sentOnlyWhereSomebodyIs(sent: readonly Sent[], { oracle, nowMs, brokenSinceMs }: Scene): void {
    for (const { gatewayId, recipientUserIds } of sent) {
      for (const userId of recipientUserIds) {
        if (oracle.wasAt(gatewayId, userId, brokenSinceMs ?? nowMs - LATE_MS)) continue;
        throw new Error(`a message for ${userId} to ${gatewayId}, where they are not, at ${nowMs}`);
      }
    }
  }

  /** While nothing is broken: every view is right. */
  viewsAreRight(scene: Scene): void {
    const { oracle, nowMs } = scene;
    for (const device of scene.devices) {
      if (!device.isOpen || !oracle.isAlive(device.number, nowMs)) continue;
      if (device.snapshots <= device.snapshotsBefore) fail(device, scene, 'was sent no snapshot');
      for (const subject of oracle.users) this.#isRight(device, subject, scene);
    }
  }

  #isRight(device: Device, subject: string, scene: Scene): void {
    const { oracle, nowMs } = scene;
    const { userId: viewer } = device;
    const seen = device.view.get(subject);
    const expected = oracle.shows(viewer, subject, nowMs);
    if (!seen || expected === undefined) {
      if (seen || expected) fail(device, scene, `sees ${words(subject, seen)}, not ${expected}`);
      return;
    }
    const isPushed = oracle.isPushed(viewer, subject);
    if ((seen.mode === 'MODE_PUSH') !== isPushed)
      fail(device, scene, `sees ${words(subject, seen)} in the wrong mode`);
    const allowed = isPushed
      ? new Set([expected, oracle.shows(viewer, subject, nowMs - LATE_MS)])
      : this.#allowedInPull(device, subject, scene);
    if (allowed && !allowed.has(statusOf(seen))) {
      fail(device, scene, `sees ${words(subject, seen)}, not ${[...allowed].join(' or ')}`);
    }
  }

  /** Who does not watch sees them as they were some time. */
  #allowedInPull(device: Device, subject: string, { nowMs }: Scene) {
    const watchedMs = nowMs - (device.watching.get(subject) ?? nowMs);
    if (watchedMs < WATCH_LATE_MS) return undefined;
    return this.#timeline(device.userId, subject).since(nowMs - WATCH_LATE_MS);
  }

  #mayBeTold(device: Device, presence: WirePresence, scene: Scene): void {
    const { oracle, nowMs, brokenSinceMs, isTogether } = scene;
    const lateMs = oracle.isPushed(device.userId, presence.userId) ? LATE_MS : WATCH_LATE_MS;
    const sinceMs = Math.min(nowMs - lateMs, brokenSinceMs ?? Infinity);
    const allowed = this.#timeline(device.userId, presence.userId).since(sinceMs);
    if (allowed.has(statusOf(presence))) return;
    const isKnown = [...allowed].some((status) => status !== undefined);
    // What is broken may make somebody, or one of their devices, look gone who is there, but never the other way round.
    const mayLookGone = isTogether || brokenSinceMs !== undefined;
    if (mayLookGone && isKnown && statusOf(presence) === 'OFFLINE') return;
    if (mayLookGone && allowed.has('ONLINE') && statusOf(presence) === 'AWAY') return;
    const truth = [...allowed].map((status) => status ?? 'nothing').join(' or ');
    fail(device, scene, `was told ${words(presence.userId, presence)}, but may see ${truth}`);
  }

  #timeline(viewer: string, subject: string): Timeline<Visible | undefined> {
    const key = `${viewer} ${subject}`;
    const timeline = this.#shown.get(key) ?? new Timeline<Visible | undefined>();
    this.#shown.set(key, timeline);
    return timeline;
  }
}

export const statusOf = ({ status }: WirePresence): Visible =>
  status.replace('STATUS_', '') as Visible;

const words = (subject: string, presence: WirePresence | undefined): string =>
  presence ? JSON.stringify(presence) : `nothing of ${subject}`;

function fail({ number, userId, gateway }: Device, { nowMs }: Scene, problem: string): never {
  throw new Error(`${userId}'s device ${number} at ${gateway.gatewayId}, at ${nowMs}: ${problem}`);
}
