/** What a change of an edge writes and whom it is announced to: pure, the same for every adapter of the store. */
import { isPull, NEVER_SEEN, type Frozen, type PushLimits } from './audience.ts';

export type ChangeKind = 'BEFRIEND' | 'UNFRIEND' | 'FOLLOW' | 'UNFOLLOW' | 'BLOCK' | 'UNBLOCK';

export interface EdgeChange {
  readonly kind: ChangeKind;
  /** Who acts: the follower, the one who blocks. */
  readonly from: string;
  readonly to: string;
  /** Of a block: versions of those of the two who are known to be OFFLINE to everyone who sees them. */
  readonly offline?: ReadonlyMap<string, number> | undefined;
}

/** All that is between the two users of a change, before it. */
export interface PairState {
  readonly friends: boolean;
  /** `from` follows `to`. */
  readonly follows: boolean;
  /** `to` follows `from`. */
  readonly followed: boolean;
  /** `from` blocks `to`. */
  readonly blocks: boolean;
  /** `to` blocks `from`. */
  readonly blocked: boolean;
  /** Either blocks the other. */
  readonly hidden: boolean;
  /** What is shown of `from` to `to`, and the other way round, while they are hidden and once it is known. */
  readonly fromFrozen: Frozen | undefined;
  readonly toFrozen: Frozen | undefined;
  /** `to` is in pull mode. */
  readonly pull: boolean;
  readonly fromPull: boolean;
  /** Followers of `to`; counted only as far as the limits need, and only where the mode may change (`mayFlip`). */
  readonly followers: number;
}

/** Edges as stored. Friendship and hiding are stored from both ends; `HIDES`: what `from` sees of `to` is frozen. */
export type EdgeKind = 'FRIEND' | 'FOLLOWS' | 'BLOCKS' | 'HIDES';

export interface EdgeWrite {
  readonly op: 'SET' | 'DELETE';
  readonly kind: EdgeKind;
  readonly from: string;
  readonly to: string;
  /** Of a `HIDES` that is set: what is shown, if that is known. */
  readonly frozen?: Frozen;
}

/** Viewers to be shown a subject anew. FOLLOWERS: all the subject has when it is announced. */
export interface Announcement {
  readonly subject: string;
  /** Empty: nobody, but the subject's own list of contacts has changed. */
  readonly only: readonly string[] | 'FOLLOWERS';
  /** What the viewers see already, if the subject is OFFLINE at that version: then they are told nothing. */
  readonly shownVersion?: number | undefined;
  /**
   * A new version, which others can read too, so only where clients need one: ALWAYS since the viewers see another
   * mode, PRESENT since they see another status unless the subject is OFFLINE. VIEW: they see another status, but it is
   * they who changed the edge, and the subject's version is not to tell of it: they are shown all they see anew.
   * Absent: they had nothing of the subject.
   */
  readonly renew?: 'ALWAYS' | 'PRESENT' | 'VIEW' | undefined;
}

export interface Plan {
  /** Empty when everything is already as asked. */
  readonly writes: readonly EdgeWrite[];
  /** `to` goes to pull mode, or back to push. */
  readonly pull?: boolean;
  readonly announcements: readonly Announcement[];
  /** What the announcements showed last is to be frozen. */
  readonly freezes: boolean;
}

const NOTHING: Plan = { writes: [], announcements: [], freezes: false };

export function planChange(change: EdgeChange, state: PairState, limits: PushLimits): Plan {
  switch (change.kind) {
    case 'BEFRIEND':
      return state.friends ? NOTHING : planFriendship(change, 'SET', state);
    case 'UNFRIEND':
      return state.friends ? planFriendship(change, 'DELETE', state) : NOTHING;
    case 'FOLLOW':
      return state.follows ? NOTHING : planFollow(change, 'SET', state, limits);
    case 'UNFOLLOW':
      return state.follows ? planFollow(change, 'DELETE', state, limits) : NOTHING;
    case 'BLOCK':
      return state.blocks ? NOTHING : planBlock(change, state);
    case 'UNBLOCK':
      return state.blocks ? planUnblock(change, state) : NOTHING;
  }
}

/** Who follows a celebrity sees them in another mode as a friend. */
function planFriendship({ from, to }: EdgeChange, op: EdgeWrite['op'], state: PairState): Plan {
  return {
    writes: bothWays(op, 'FRIEND', from, to),
    announcements: [
      { subject: from, only: [to], ...renewIf(state.followed && state.fromPull) },
      { subject: to, only: [from], ...renewIf(state.follows && state.pull) },
    ],
    freezes: false,
  };
}

/** One follower more ends no pull mode, one fewer begins none: celebrities gain followers without a count. */
export function mayFlip(kind: ChangeKind, pull: boolean): boolean {
  return pull ? kind === 'UNFOLLOW' : kind === 'FOLLOW';
}

const renewIf = (isOtherMode: boolean): Pick<Announcement, 'renew'> =>
  isOtherMode ? { renew: 'ALWAYS' } : {};

/** Only the follower sees anything change; announcing the follower to nobody raises their own revision. */
function planFollow(
  { from, to }: EdgeChange,
  op: EdgeWrite['op'],
  state: PairState,
  limits: PushLimits,
): Plan {
  const kind = op === 'SET' ? 'FOLLOW' : 'UNFOLLOW';
  const followers = state.followers + (op === 'SET' ? 1 : -1);
  const pull = mayFlip(kind, state.pull) ? isPull(state.pull, followers, limits) : state.pull;
  const flips = pull !== state.pull;
  return {
    writes: [{ op, kind: 'FOLLOWS', from, to }],
    ...(flips && { pull }),
    announcements: [
      { subject: to, only: [from] },
      { subject: from, only: [] },
      ...(flips ? [{ subject: to, only: 'FOLLOWERS' as const, ...renewIf(true) }] : []),
    ],
    freezes: false,
  };
}

function planBlock({ from, to, offline }: EdgeChange, state: PairState): Plan {
  const block: EdgeWrite = { op: 'SET', kind: 'BLOCKS', from, to };
  if (state.hidden) return { writes: [block], announcements: [], freezes: false };
  const { sees, seen } = sight(state);
  return {
    writes: [block, hide(from, to, sees), hide(to, from, seen)],
    announcements: announceSight({ from, to }, state, {
      from: offline?.get(from),
      to: offline?.get(to),
    }),
    freezes: sees || seen,
  };
}

function planUnblock({ from, to }: EdgeChange, state: PairState): Plan {
  const unblock: EdgeWrite = { op: 'DELETE', kind: 'BLOCKS', from, to };
  if (state.blocked) return { writes: [unblock], announcements: [], freezes: false };
  return {
    writes: [unblock, ...bothWays('DELETE', 'HIDES', from, to)],
    announcements: announceSight({ from, to }, state, {
      from: state.fromFrozen?.version,
      to: state.toFrozen?.version,
    }),
    freezes: false,
  };
}

/** Who sees whom, were nobody blocked. */
function sight(state: PairState): { sees: boolean; seen: boolean } {
  return { sees: state.friends || state.follows, seen: state.friends || state.followed };
}

/** What was shown to a viewer is known only once it has been announced; to a stranger nothing was. */
function hide(viewer: string, subject: string, sees: boolean): EdgeWrite {
  const edge = { op: 'SET', kind: 'HIDES', from: viewer, to: subject } as const;
  return sees ? edge : { ...edge, frozen: NEVER_SEEN };
}

type Pair = Pick<EdgeChange, 'from' | 'to'>;

/** Versions that each was last shown to the other, where that is known. */
interface Shown {
  readonly from: number | undefined;
  readonly to: number | undefined;
}

/**
 * Shows each anew to the other if the other sees them. A stranger must not be told, least of all that they were
 * blocked; but one who sees a stranger has a changed list of contacts, so that their own revision rises. Who is blocked
 * keeps their version: they could have a friend read it.
 */
function announceSight({ from, to }: Pair, state: PairState, shown: Shown): Announcement[] {
  const { sees, seen } = sight(state);
  if (!seen && !sees) return [];
  const announce = (
    subject: string,
    viewer: string,
    isSeen: boolean,
    version: number | undefined,
  ): Announcement =>
    isSeen
      ? {
          ...{ subject, only: [viewer], renew: subject === from ? 'PRESENT' : 'VIEW' },
          ...(version !== undefined && { shownVersion: version }),
        }
      : { subject, only: [] };
  return [announce(from, to, seen, shown.from), announce(to, from, sees, shown.to)];
}

function bothWays(op: EdgeWrite['op'], kind: EdgeKind, a: string, b: string): EdgeWrite[] {
  return [
    { op, kind, from: a, to: b },
    { op, kind, from: b, to: a },
  ];
}
