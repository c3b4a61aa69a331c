/**
 * Port: who is whose friend, follower or blocked, and which changes are still to be announced.
 *
 * Contract, the same for every adapter (test/conformance/graph-store.ts runs over all of them):
 * - A user needs no creation: one nobody has named yet is a user without edges.
 * - Every write is one transaction: after a crash at any moment all of it is there or nothing.
 * - Writes have ascending revisions. A read given a `minRevision` contains every change up to it, if the graph ever
 *   had that revision, and every write of this process; what others wrote it may miss for about a second.
 * - A change is stored together with the record that it is still to be announced; the record stays until `settle`.
 * - When the server behind it does not answer, it throws an error with the code 'UNAVAILABLE' and nothing, or all,
 *   of the write is stored: every write may be repeated.
 */
import type { Frozen, UserNode, View } from './audience.ts';
import type { Announcement, EdgeChange, EdgeKind } from './edges.ts';

/** A change that is stored and not yet known to be announced. */
export interface PendingRecord {
  readonly recordId: string;
  readonly announcements: readonly Announcement[];
  /** Set when what the announcements showed is to be frozen: which block it was. */
  readonly blockId?: string;
}

export interface StoredChange {
  /** Commit timestamp of this change or, when all was as asked already, of a read that saw it so. */
  readonly revision: number;
  /** What is to be announced before the change is done: this one, and earlier ones between the same two. */
  readonly records: readonly PendingRecord[];
}

/** What `viewer` saw of `subject` last. */
export interface Freeze {
  readonly viewerId: string;
  readonly subjectId: string;
  readonly frozen: Frozen;
}

export interface PendingChanges {
  /** At most 1,000, of any age. */
  readonly records: readonly PendingRecord[];
  /** Every change announced must be read no older than this. */
  readonly revision: number;
  /** Another value than before: somebody loaded edges, of which no announcement tells. */
  readonly loads: string;
}

export interface LoadEdge {
  readonly kind: Extract<EdgeKind, 'FRIEND' | 'FOLLOWS'>;
  readonly from: string;
  readonly to: string;
}

export interface GraphStore extends AsyncDisposable {
  /** Makes the schema what this version needs, keeping all data. To be awaited before anything else; idempotent. */
  prepare(): Promise<void>;

  user(userId: string, minRevision: number): Promise<UserNode>;
  /** How each of the viewers sees the subject, in order, in a read of now. */
  viewsOn(subjectId: string, viewerIds: readonly string[]): Promise<Views>;
  /** How the viewer sees each of the subjects, in order, in a read of now. */
  viewsOf(viewerId: string, subjectIds: readonly string[]): Promise<Views>;
  /** Everyone who follows the user, in pages of at most 1,000. */
  followers(userId: string): AsyncIterable<readonly string[]>;

  change(change: EdgeChange): Promise<StoredChange>;
  /** The record is announced: freezes what was shown, unless the block has ended since, and deletes the record. */
  settle(record: PendingRecord, freezes: readonly Freeze[]): Promise<void>;
  pending(): Promise<PendingChanges>;

  /** Stores all of the edges or none; those that are there already are no error. Returns the commit's revision. */
  load(edges: readonly LoadEdge[]): Promise<number>;
}

interface Views {
  readonly views: readonly View[];
  readonly revision: number;
}
