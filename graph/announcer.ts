/**
 * Announces changed edges through presence, so that open screens show them. At least once: the record of a change is
 * deleted only when all of it has been announced, and announcing again does no harm. When this process dies in
 * between, another graph process replays the record (replay.ts).
 */
import type { Announcement } from './edges.ts';
import type { Frozen } from './audience.ts';
import type { Freeze, GraphStore, PendingRecord } from './graph-store.ts';

interface AnnounceCall {
  readonly subject: string;
  /** 1 to 1,000. */
  readonly only: readonly string[];
  readonly revision: number;
  /** W3C traceparent of the cause, if there is one. */
  readonly traceparent: string | undefined;
}

/** Shows viewers a subject anew; resolves with what they are shown. */
export type Announce = (call: AnnounceCall) => Promise<Frozen>;

export interface AnnouncerOptions {
  readonly store: Pick<GraphStore, 'followers' | 'settle'>;
  readonly announce: Announce;
}

export interface Announcer {
  /** Resolves when all of the record is announced and it is deleted. */
  announceRecord(record: PendingRecord, cause: AnnounceCause): Promise<void>;
}

type AnnounceCause = Pick<AnnounceCall, 'revision' | 'traceparent'>;

export function createAnnouncer({ store, announce }: AnnouncerOptions): Announcer {
  const announceOne = async (
    { subject, only }: Announcement,
    cause: AnnounceCause,
  ): Promise<Freeze[]> => {
    if (only !== 'FOLLOWERS') {
      const frozen = await announce({ subject, only, ...cause });
      return only.map((viewerId) => ({ viewerId, subjectId: subject, frozen }));
    }
    for await (const page of store.followers(subject)) {
      await announce({ subject, only: page, ...cause });
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
