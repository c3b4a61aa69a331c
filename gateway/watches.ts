/**
 * Subjects in pull mode that clients look at. One look-up a second serves all viewers of this gateway together.
 *
 * A viewer may be told of a subject only as long as it may see it. So a watch counts only once the graph has said so,
 * and anything else that is delivered of the subject (a block, an end of the follow, a change of mode) makes it ask
 * again before the next look-up counts.
 */
import { Mode, type Presence } from '../gen/presence/v1/presence.ts';
import type { Contact } from '../gen/graph/v1/graph_service.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { invalidField } from './frame-error.ts';
import { changeOf, type SubjectChange } from './subject-change.ts';
import type { Upstreams } from './upstreams.ts';
import { asSeen } from './views.ts';

/** One viewer's watch of one subject; replaced by a new one when what the viewer may see has changed. */
export interface Watch {
  /** False until the graph has said that the viewer sees the subject, and pulls. */
  isPolled: boolean;
  isChecked: boolean;
}

/** A viewer, as far as watching goes. */
export interface Viewer {
  readonly userId: string;
  /** By subject; kept here, changed by Watches only. */
  watching: Map<string, Watch> | undefined;
  deliver(change: SubjectChange): void;
}

export interface WatchesOptions {
  readonly upstreams: Upstreams;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Watches extends Disposable {
  /** @throws FrameError when the viewer would watch too many. */
  watch(viewer: Viewer, userIds: readonly string[]): void;
  unwatch(viewer: Viewer, userIds: readonly string[]): void;
  /** Something was delivered to a viewer that watches. */
  delivered(viewer: Viewer, subjectUserId: string): void;
  /** The session is over. */
  drop(viewer: Viewer): void;
}

interface Subject {
  readonly viewers: Set<Viewer>;
  /** Version told last. */
  version: bigint;
}

const INTERVAL_MS = 1000;
const MAX_WATCHED = 200;

export function createWatches({ upstreams, clock, logger }: WatchesOptions): Watches {
  const subjects = new Map<string, Subject>();
  const unchecked = new Set<Viewer>();
  let isPolling = false;

  const leave = (viewer: Viewer, userId: string): void => {
    viewer.watching?.delete(userId);
    const subject = subjects.get(userId);
    subject?.viewers.delete(viewer);
    if (subject?.viewers.size === 0) subjects.delete(userId);
  };

  const begin = (viewer: Viewer, userId: string): void => {
    viewer.watching ??= new Map();
    viewer.watching.set(userId, { isPolled: false, isChecked: false });
    const subject = subjects.get(userId);
    if (subject) subject.viewers.add(viewer);
    else subjects.set(userId, { viewers: new Set([viewer]), version: 0n });
  };

  /** Asks what the viewer may see of what it watches, and tells it how that is now. */
  const check = async (viewer: Viewer): Promise<void> => {
    const asked = [...(viewer.watching ?? [])].filter(([, watch]) => !watch.isChecked);
    if (asked.length === 0) return;
    unchecked.add(viewer);
    const userIds = asked.map(([userId]) => userId);
    const [contacts, { presences }] = await Promise.all([
      upstreams.visible(viewer.userId, userIds),
      upstreams.presences(userIds),
    ]);
    const contactOf = new Map(contacts.map((contact) => [contact.userId, contact]));
    asked.forEach(([userId, watch], i) => {
      // Since then it has been left, or something was delivered that makes it ask again.
      if (viewer.watching?.get(userId) !== watch) return;
      watch.isChecked = true;
      const change = seenAs(userId, contactOf.get(userId), presences[i]);
      watch.isPolled = isPulled(contactOf.get(userId));
      if (!change.presence) leave(viewer, userId);
      viewer.deliver(change);
    });
    unchecked.delete(viewer);
  };

  const checkSoon = (viewer: Viewer): void => {
    check(viewer).catch((error: unknown) => logger.debug({ err: error }, 'a watch waits'));
  };

  const poll = async (): Promise<void> => {
    const polled = [...subjects].filter(([userId, { viewers }]) => isAnyPolled(viewers, userId));
    if (polled.length === 0) return;
    const { presences } = await upstreams.presences(polled.map(([userId]) => userId));
    polled.forEach(([userId, subject], i) => {
      const presence = presences[i];
      if (!presence || presence.version <= subject.version) return;
      subject.version = presence.version;
      const change = changeOf(userId, { ...presence, mode: Mode.MODE_PULL });
      for (const viewer of [...subject.viewers]) {
        if (viewer.watching?.get(userId)?.isPolled) viewer.deliver(change);
      }
    });
  };

  const tick = async (): Promise<void> => {
    if (isPolling) return;
    isPolling = true;
    for (const viewer of unchecked) checkSoon(viewer);
    await poll().catch((error: unknown) => logger.debug({ err: error }, 'no look-up of watched'));
    isPolling = false;
  };
  const timer = clock.every(INTERVAL_MS, () => void tick());

  return {
    watch(viewer, userIds) {
      const added = userIds.filter((userId) => !viewer.watching?.has(userId));
      const total = (viewer.watching?.size ?? 0) + new Set(added).size;
      if (total > MAX_WATCHED) {
        const problem = `that would make ${total} watched; at most ${MAX_WATCHED} at a time, unwatch some`;
        throw invalidField('watch.userIds', problem);
      }
      for (const userId of added) begin(viewer, userId);
      checkSoon(viewer);
    },
    unwatch(viewer, userIds) {
      for (const userId of userIds) leave(viewer, userId);
    },
    delivered(viewer, subjectUserId) {
      if (!viewer.watching?.has(subjectUserId)) return;
      begin(viewer, subjectUserId);
      checkSoon(viewer);
    },
    drop(viewer) {
      unchecked.delete(viewer);
      for (const userId of [...(viewer.watching?.keys() ?? [])]) leave(viewer, userId);
    },
    [Symbol.dispose]: () => timer.cancel(),
  };
}

const isPulled = (contact: Contact | undefined): boolean =>
  contact !== undefined && contact.mode === Mode.MODE_PULL && !contact.hidden;

const isAnyPolled = (viewers: ReadonlySet<Viewer>, userId: string): boolean =>
  [...viewers].some((viewer) => viewer.watching?.get(userId)?.isPolled);

function seenAs(userId: string, contact: Contact | undefined, presence: Presence | undefined) {
  return changeOf(userId, contact && presence && asSeen(contact, presence));
}
