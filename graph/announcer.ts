/**
 * Announces changed edges through presence, so that open screens show them. At least once: the record of a change is
 * deleted only when all of it has been announced, and announcing again does no harm. When this process dies in
 * between, another graph process replays the record (replay.ts).
 */
import type { Announcement } from './edges.ts';
import type { Frozen } from './audience.ts';
import type { Freeze, GraphStore, PendingRecord } from './graph-store.ts';

interface AnnounceCall extends Omit<Announcement, 'only'> {
  /** At most 1,000. */
  readonly only: readonly string[];
  readonly revision: number;
  /** W3C traceparent of the cause, if there is one. */
  readonly traceparent: string | undefined;
}

/** What is asked of presence. */
export interface AnnouncingPresence {
  /** Shows viewers a subject anew; resolves with what they are shown. */
  announce(call: AnnounceCall): Promise<Frozen>;
  /** Versions of those of the users who are OFFLINE, and known to be so to everyone who sees them. */
  offline(userIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

export interface AnnouncerOptions {
  readonly store: Pick<GraphStore, 'followers' | 'settle'>;
  readonly presence: Pick<AnnouncingPresence, 'announce'>;
}

export interface Announcer {
  /** Resolves when all of the record is announced and it is deleted. */
  announceRecord(record: PendingRecord, cause: AnnounceCause): Promise<void>;
}

type AnnounceCause = Pick<AnnounceCall, 'revision' | 'traceparent'>;

export function createAnnouncer({ store, presence }: AnnouncerOptions): Announcer {
  const announceOne = async (
    { only, ...announcement }: Announcement,
    cause: AnnounceCause,
  ): Promise<Freeze[]> => {
    if (only !== 'FOLLOWERS') {
      const frozen = await presence.announce({ ...announcement, only, ...cause });
      return only.map((viewerId) => ({ viewerId, subjectId: announcement.subject, frozen }));
    }
    for await (const page of store.followers(announcement.subject)) {
      await presence.announce({ ...announcement, only: page, ...cause });
    }
    return [];
  };
  return {
    async announceRecord(record, cause) {
      const shown = await Promise.all(
        record.announcements.map((announcement) => announceOne(announcement, cause)),
      );
      await store.settle(record, record.blockId === undefined ? [] : shown.flat());
    },
  };
}
