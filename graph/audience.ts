/** Who sees whom, and who is told: pure rules over what the graph holds. */

/** How a viewer learns of a subject's changes. */
export type Mode = 'PUSH' | 'PULL';

/** FOLLOWED: the viewer follows the subject, and they are not friends. */
export type Relation = 'FRIEND' | 'FOLLOWED';

/** All that a viewer sees of a subject while either blocks the other. */
export interface Frozen {
  /** 0: never seen. */
  readonly version: number;
  /** ms since the epoch; 0: never seen. */
  readonly lastActiveMs: number;
}

/** What a viewer sees of a subject who was hidden before they were ever visible: one who was never there. */
export const NEVER_SEEN: Frozen = { version: 0, lastActiveMs: 0 };

/** `frozen` is undefined from the block until it has been announced: only then is it known what was last shown. */
export interface Hidden {
  readonly frozen: Frozen | undefined;
}

interface Followed {
  readonly userId: string;
  /** They have too many followers to push to. */
  readonly pull: boolean;
}

/** A user and every edge that matters for being seen by them or seeing them. */
export interface UserNode {
  readonly userId: string;
  /** Commit timestamp up to which the graph had been read. */
  readonly revision: number;
  /** The user has too many followers to push to. */
  readonly pull: boolean;
  readonly friends: readonly string[];
  /** Whom the user follows. */
  readonly follows: readonly Followed[];
  /** Who follows the user; not read, and empty, when `pull`. */
  readonly followers: readonly string[];
  /** Users who block or are blocked, with what this user sees of them. */
  readonly hidden: ReadonlyMap<string, Hidden>;
}

/** What is between one viewer and one subject, read from the viewer's side. */
export interface View {
  readonly viewerId: string;
  readonly subjectId: string;
  readonly friends: boolean;
  /** The viewer follows the subject. */
  readonly follows: boolean;
  /** The subject has too many followers to push to. */
  readonly pull: boolean;
  readonly hidden: Hidden | undefined;
}

/** A subject as one viewer may see them. */
export interface Contact {
  readonly userId: string;
  readonly relation: Relation;
  readonly mode: Mode;
  readonly hidden: Hidden | undefined;
}

export interface AudienceGroup {
  readonly mode: Mode;
  readonly userIds: readonly string[];
}

export interface HiddenViewer {
  readonly userId: string;
  readonly frozen: Frozen | undefined;
  readonly mode: Mode;
}

export interface Audience {
  /** None is empty. */
  readonly groups: readonly AudienceGroup[];
  readonly hidden: readonly HiddenViewer[];
  readonly removed: readonly string[];
}

const relationOf = (view: View): Relation | undefined =>
  view.friends ? 'FRIEND' : view.follows ? 'FOLLOWED' : undefined;

/** Friends are pushed whatever the subject's followers. */
const modeOf = (relation: Relation, pull: boolean): Mode =>
  relation === 'FOLLOWED' && pull ? 'PULL' : 'PUSH';

/** Everyone a user sees. */
export function contactsOf(node: UserNode): Contact[] {
  const contact = (userId: string, relation: Relation, pull: boolean): Contact => ({
    userId,
    relation,
    mode: modeOf(relation, pull),
    hidden: node.hidden.get(userId),
  });
  const friends = node.friends.map((userId) => contact(userId, 'FRIEND', false));
  if (node.follows.length === 0) return friends;
  const isFriend = new Set(node.friends);
  const followed = node.follows.filter(({ userId }) => !isFriend.has(userId));
  return [...friends, ...followed.map(({ userId, pull }) => contact(userId, 'FOLLOWED', pull))];
}

/** The subject as this viewer may see them; undefined for a stranger. */
export function contactOf(view: View): Contact | undefined {
  const relation = relationOf(view);
  if (!relation) return undefined;
  const { subjectId: userId, pull, hidden } = view;
  return { userId, relation, mode: modeOf(relation, pull), hidden };
}

/** Who is told of every change: friends, and followers while there are few enough of them; nobody who is hidden. */
export function audienceOf(node: UserNode): Audience {
  const userIds = visibleTo(node);
  return { groups: userIds.length > 0 ? [{ mode: 'PUSH', userIds }] : [], hidden: [], removed: [] };
}

function visibleTo({ friends, followers, pull, hidden }: UserNode): readonly string[] {
  const told = pull || followers.length === 0 ? friends : [...new Set([...friends, ...followers])];
  return hidden.size === 0 ? told : told.filter((userId) => !hidden.has(userId));
}

/** How viewers asked for by name see the subject now. Nobody is their own viewer. */
export function audienceAmong(views: readonly View[]): Audience {
  const told: Record<Mode, string[]> = { PUSH: [], PULL: [] };
  const hidden: HiddenViewer[] = [];
  const removed: string[] = [];
  for (const view of views) {
    if (view.viewerId === view.subjectId) continue;
    const contact = contactOf(view);
    if (!contact) removed.push(view.viewerId);
    else if (!view.hidden) told[contact.mode].push(view.viewerId);
    else hidden.push({ userId: view.viewerId, frozen: view.hidden.frozen, mode: contact.mode });
  }
  const groups = (['PUSH', 'PULL'] as const)
    .map((mode) => ({ mode, userIds: told[mode] }))
    .filter(({ userIds }) => userIds.length > 0);
  return { groups, hidden, removed };
}

/** Followers up to which they are pushed to, and the number at which a user in pull mode is pushed again. */
export interface PushLimits {
  readonly maxFollowers: number;
  readonly resumeFollowers: number;
}

/** Ten per cent between the two, so that a user at the limit does not go back and forth. */
export function pushLimits(maxFollowers: number): PushLimits {
  return { maxFollowers, resumeFollowers: Math.floor(maxFollowers * 0.9) };
}

/** Whether a user with so many followers is in pull mode, given whether they were. */
export function isPull(wasPull: boolean, followers: number, limits: PushLimits): boolean {
  return followers > (wasPull ? limits.resumeFollowers : limits.maxFollowers);
}
