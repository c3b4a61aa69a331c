/** Every question asked of Dgraph, and its answers as the domain has them. */
import type { Frozen, Hidden, UserNode, View } from './audience.ts';
import { mayFlip, type EdgeChange, type PairState } from './edges.ts';
import { pairKey, parseRecord } from './pending-records.ts';
import type { PendingRecord } from './graph-store.ts';

interface Id {
  readonly id: string;
}

interface Hides extends Id {
  readonly version?: number;
  readonly lastActive?: number;
}

type Edges = readonly unknown[];

const FACETS = '@facets(version: version, lastActive: last_active)';

/** Ids are checked at the edge of the part, and a string of JSON is one of DQL. */
const quote = (id: string): string => JSON.stringify(id);
const quoteAll = (ids: readonly string[]): string => JSON.stringify(ids);

/** Users and all edges that matter. Eight at once cost a third of eight queries, 32 at once a sixth. */
export function usersQuery(userIds: readonly string[]): string {
  return `{
  u as var(func: eq(mesh.user_id, ${quoteAll(userIds)}))
  users(func: uid(u)) {
    id: mesh.user_id
    pull: mesh.pull
    friends: mesh.friend { id: mesh.user_id }
    follows: mesh.follows { id: mesh.user_id pull: mesh.pull }
    hides: mesh.hides ${FACETS} { id: mesh.user_id }
  }
  pushed(func: uid(u)) @filter(NOT has(mesh.pull)) {
    id: mesh.user_id
    followers: ~mesh.follows { id: mesh.user_id }
  }
}`;
}

interface UserAnswer {
  readonly pull?: boolean;
  readonly friends?: readonly Id[];
  readonly follows?: readonly (Id & { readonly pull?: boolean })[];
  readonly hides?: readonly Hides[];
}

export interface UsersAnswer {
  readonly users: readonly (Id & UserAnswer)[];
  readonly pushed: readonly (Id & { readonly followers?: readonly Id[] })[];
}

const idsOf = (items: readonly Id[] = []): string[] => items.map(({ id }) => id);

const hiddenOf = ({ version, lastActive = 0 }: Omit<Hides, 'id'>): Hidden => ({
  frozen: version === undefined ? undefined : { version, lastActiveMs: lastActive },
});

/** The users asked for, in order. */
export function usersOf(
  userIds: readonly string[],
  { users, pushed }: UsersAnswer,
  revision: number,
): UserNode[] {
  const answerOf = new Map(users.map((user) => [user.id, user]));
  const followersOf = new Map(pushed.map(({ id, followers }) => [id, followers]));
  return userIds.map((userId) => {
    const user: UserAnswer = answerOf.get(userId) ?? {};
    return {
      userId,
      revision,
      pull: user.pull ?? false,
      friends: idsOf(user.friends),
      follows: (user.follows ?? []).map(({ id, pull = false }) => ({ userId: id, pull })),
      followers: idsOf(followersOf.get(userId)),
      hidden: new Map((user.hides ?? []).map((hides) => [hides.id, hiddenOf(hides)])),
    };
  });
}

export function viewsOnQuery(subjectId: string, viewerIds: readonly string[]): string {
  return `{
  s as var(func: eq(mesh.user_id, ${quote(subjectId)}))
  subject(func: uid(s)) { pull: mesh.pull }
  viewers(func: eq(mesh.user_id, ${quoteAll(viewerIds)})) {
    id: mesh.user_id
    friends: mesh.friend @filter(uid(s)) { uid }
    follows: mesh.follows @filter(uid(s)) { uid }
    hides: mesh.hides @filter(uid(s)) ${FACETS} { uid }
  }
}`;
}

export interface ViewsOnAnswer {
  readonly subject: readonly { readonly pull?: boolean }[];
  readonly viewers: readonly (Id & {
    readonly friends?: Edges;
    readonly follows?: Edges;
    readonly hides?: readonly Omit<Hides, 'id'>[];
  })[];
}

export function viewsOn(
  subjectId: string,
  viewerIds: readonly string[],
  { subject, viewers }: ViewsOnAnswer,
): View[] {
  const pull = subject[0]?.pull ?? false;
  const byId = new Map(viewers.map((viewer) => [viewer.id, viewer]));
  return viewerIds.map((viewerId) => {
    const viewer = byId.get(viewerId);
    const hides = viewer?.hides?.[0];
    return {
      viewerId,
      subjectId,
      friends: viewer?.friends !== undefined,
      follows: viewer?.follows !== undefined,
      pull,
      hidden: hides && hiddenOf(hides),
    };
  });
}

/** One viewer and those they ask about. */
export interface Viewing {
  readonly viewerId: string;
  readonly subjectIds: readonly string[];
}

/** Those who ask about the same subjects, as thousands do who look at one celebrity, share their part of the query. */
export function viewsOfQuery(asked: readonly Viewing[]): string {
  const parts = [...viewersBySubjects(asked)].map(
    ([subjects, viewerIds], i) => `
  s${i} as var(func: eq(mesh.user_id, ${subjects}))
  v${i}(func: eq(mesh.user_id, ${quoteAll(viewerIds)})) {
    id: mesh.user_id
    friends: mesh.friend @filter(uid(s${i})) { id: mesh.user_id }
    follows: mesh.follows @filter(uid(s${i})) { id: mesh.user_id pull: mesh.pull }
    hides: mesh.hides @filter(uid(s${i})) ${FACETS} { id: mesh.user_id }
  }`,
  );
  return `{${parts.join('')}\n}`;
}

/** By the subjects as the query has them. */
function viewersBySubjects(asked: readonly Viewing[]): Map<string, string[]> {
  const viewersOf = new Map<string, string[]>();
  for (const { viewerId, subjectIds } of asked) {
    const subjects = quoteAll(subjectIds);
    const viewers = viewersOf.get(subjects);
    if (viewers) viewers.push(viewerId);
    else viewersOf.set(subjects, [viewerId]);
  }
  return viewersOf;
}

/** By part of the query. */
export type ViewsOfAnswer = Readonly<
  Record<string, readonly (Id & Omit<UserAnswer, 'pull'>)[] | undefined>
>;

/** The views of each who asked, in order. */
export function viewsOf(asked: readonly Viewing[], answer: ViewsOfAnswer): View[][] {
  const subjects = [...viewersBySubjects(asked).keys()];
  const viewersIn = subjects.map(
    (_, i) => new Map((answer[`v${i}`] ?? []).map((viewer) => [viewer.id, viewer])),
  );
  return asked.map((viewing) => {
    const part = viewersIn[subjects.indexOf(quoteAll(viewing.subjectIds))];
    return viewsOfOne(viewing, part?.get(viewing.viewerId) ?? {});
  });
}

function viewsOfOne({ viewerId, subjectIds }: Viewing, viewer: Omit<UserAnswer, 'pull'>): View[] {
  const friends = new Set(idsOf(viewer.friends));
  const follows = new Map((viewer.follows ?? []).map(({ id, pull = false }) => [id, pull]));
  const hidden = new Map((viewer.hides ?? []).map((hides) => [hides.id, hiddenOf(hides)]));
  return subjectIds.map((subjectId) => ({
    viewerId,
    subjectId,
    friends: friends.has(subjectId),
    follows: follows.has(subjectId),
    pull: follows.get(subjectId) ?? false,
    hidden: hidden.get(subjectId),
  }));
}

/** A page of followers after the one with uid `after`. */
export function followersQuery(userId: string, after: string, page: number): string {
  return `{
  user(func: eq(mesh.user_id, ${quote(userId)})) {
    followers: ~mesh.follows(first: ${page}, after: ${after}) { uid id: mesh.user_id }
  }
}`;
}

export interface FollowersAnswer {
  readonly user: readonly {
    readonly followers?: readonly (Id & { readonly uid: string })[];
  }[];
}

/** All between two users, and followers, up to `countUpTo`, where `mayFlip` says that they count. */
export function pairQuery({ kind, from, to }: EdgeChange, countUpTo: number): string {
  const edges = (other: string): string => `uid
    friends: mesh.friend @filter(uid(${other})) { uid }
    follows: mesh.follows @filter(uid(${other})) { uid }
    blocks: mesh.blocks @filter(uid(${other})) { uid }
    hides: mesh.hides @filter(uid(${other})) ${FACETS} { uid }`;
  const [inPush, inPull] = [mayFlip(kind, false), mayFlip(kind, true)];
  const counted = inPush ? 'NOT has(mesh.pull)' : inPull ? 'has(mesh.pull)' : 'uid(0x0)';
  return `{
  a as var(func: eq(mesh.user_id, ${quote(from)}))
  b as var(func: eq(mesh.user_id, ${quote(to)}))
  from(func: uid(a)) { pull: mesh.pull ${edges('b')} }
  to(func: uid(b)) { pull: mesh.pull ${edges('a')} }
  var(func: uid(b)) @filter(${counted}) { f as ~mesh.follows(first: ${countUpTo}) }
  followers(func: uid(f)) { count(uid) }
  records(func: eq(mesh.pair, ${quote(pairKey(from, to))})) { uid record: mesh.record }
}`;
}

interface PairEnd {
  readonly uid: string;
  readonly pull?: boolean;
  readonly friends?: Edges;
  readonly follows?: Edges;
  readonly blocks?: Edges;
  readonly hides?: readonly Omit<Hides, 'id'>[];
}

export interface RecordAnswer {
  readonly uid: string;
  readonly record?: string;
}

export interface PairAnswer {
  readonly from: readonly PairEnd[];
  readonly to: readonly PairEnd[];
  readonly followers: readonly { readonly count: number }[];
  readonly records: readonly RecordAnswer[];
}

export function pairOf({ from: [from], to: [to], followers }: PairAnswer): PairState {
  return {
    friends: from?.friends !== undefined,
    follows: from?.follows !== undefined,
    followed: to?.follows !== undefined,
    blocks: from?.blocks !== undefined,
    blocked: to?.blocks !== undefined,
    hidden: from?.hides !== undefined,
    fromFrozen: frozenOf(to),
    toFrozen: frozenOf(from),
    pull: to?.pull ?? false,
    fromPull: from?.pull ?? false,
    followers: followers[0]?.count ?? 0,
  };
}

function frozenOf(viewer: PairEnd | undefined): Frozen | undefined {
  const hides = viewer?.hides?.[0];
  return hides && hiddenOf(hides).frozen;
}

export function recordsOf(records: readonly RecordAnswer[]): PendingRecord[] {
  return records.flatMap(({ uid, record }) => (record ? [parseRecord(uid, record)] : []));
}

const MAX_PENDING = 1000;

export const PENDING_QUERY = `{
  records(func: eq(mesh.outbox, true), first: ${MAX_PENDING}) { uid record: mesh.record }
  loads(func: has(mesh.loads)) { id: mesh.loads }
}`;

export interface PendingAnswer {
  readonly records: readonly RecordAnswer[];
  readonly loads: readonly Id[];
}

/** The hiding that one block began, if it is still there and nothing has been frozen yet. */
export function hidingQuery(viewerId: string, subjectId: string): string {
  return `{
  s as var(func: eq(mesh.user_id, ${quote(subjectId)}))
  viewer(func: eq(mesh.user_id, ${quote(viewerId)})) {
    uid
    hides: mesh.hides @filter(uid(s)) @facets(block: block, version: version) { uid }
  }
}`;
}

export interface HidingAnswer {
  readonly viewer: readonly {
    readonly uid: string;
    readonly hides?: readonly {
      readonly uid: string;
      readonly block: string;
      readonly version?: number;
    }[];
  }[];
}

export function uidsQuery(userIds: readonly string[]): string {
  return `{ users(func: eq(mesh.user_id, ${quoteAll(userIds)})) { uid id: mesh.user_id } }`;
}

export interface UidsAnswer {
  readonly users: readonly (Id & { readonly uid: string })[];
}

/** Of those who are not in pull mode: for a load, which only adds, the others stay in it, and counting takes long. */
export function followerCountsQuery(uids: readonly string[]): string {
  return `{ users(func: uid(${uids.join(', ')})) @filter(not has(mesh.pull)) { uid followers: count(~mesh.follows) } }`;
}

export interface FollowerCountsAnswer {
  readonly users: readonly {
    readonly uid: string;
    readonly followers?: number;
  }[];
}
