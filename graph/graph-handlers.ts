/** GraphService: generated types to domain and back. */
import { status } from '@grpc/grpc-js';
import type {
  BefriendRequest,
  BlockRequest,
  FilterVisibleRequest,
  FollowRequest,
  UnblockRequest,
  UnfollowRequest,
  UnfriendRequest,
  FilterVisibleResponse,
  GetAudienceRequest,
  GetAudienceResponse,
  GraphServiceServer,
  ImportEdgesRequest,
  ImportEdgesResponse,
  ListContactsRequest,
  ListContactsResponse,
} from '../gen/graph/v1/graph_service.ts';
import { invalidArgument, isUnavailable, messageOf, RpcError } from '../lib/errors.ts';
import { answering, type AnsweringOptions } from '../lib/grpc/answers.ts';
import { clientStream, serverStream, unary, type CallContext } from '../lib/grpc/handlers.ts';
import { inTime, type Standstill } from '../lib/grpc/standstill.ts';
import { requireIdentifier, requireIdentifiers } from '../lib/identifiers.ts';
import type { Announcer, AnnouncingPresence } from './announcer.ts';
import { audienceAmong, audienceOf, contactOf, contactsOf, type Audience } from './audience.ts';
import type { EdgeChange } from './edges.ts';
import type { GraphStore } from './graph-store.ts';
import type { ImportEdges } from './import-edges.ts';
import { traceAudience, traceChange } from './traces.ts';
import type { UserReader } from './user-cache.ts';
import { toContact, toGroup, toHiddenViewer } from './wire.ts';

export interface GraphHandlersOptions extends AnsweringOptions {
  readonly store: GraphStore;
  readonly users: UserReader;
  readonly announcer: Announcer;
  readonly presence: Pick<AnnouncingPresence, 'offline'>;
  readonly importEdges: ImportEdges;
  /** A change of an edge that waited while this process stood still may have been overtaken. */
  readonly standstill: Standstill;
}

/** Users a call may name. */
const MAX_USERS = 1000;
const MAX_PAGE_SIZE = 1000;
const DEFAULT_PAGE_SIZE = 500;

export function createGraphHandlers(options: GraphHandlersOptions): GraphServiceServer {
  const { logger } = options;
  const store = inTime(options.standstill, (edge: EdgeChange, context) =>
    traceChange(edge, context, (traceparent) => changeEdge(options, edge, traceparent)),
  );
  const change = (edge: EdgeChange, field: string, context: CallContext) =>
    store(checked(edge, field), context);
  const audience = (request: GetAudienceRequest, context: CallContext) =>
    traceAudience(request, context, () => getAudience(options, request));
  return {
    befriend: unary(logger, ({ userId: from, friendUserId: to }: BefriendRequest, context) =>
      change({ kind: 'BEFRIEND', from, to }, 'friend_user_id', context),
    ),
    unfriend: unary(logger, ({ userId: from, friendUserId: to }: UnfriendRequest, context) =>
      change({ kind: 'UNFRIEND', from, to }, 'friend_user_id', context),
    ),
    follow: unary(logger, ({ userId: from, followedUserId: to }: FollowRequest, context) =>
      change({ kind: 'FOLLOW', from, to }, 'followed_user_id', context),
    ),
    unfollow: unary(logger, ({ userId: from, followedUserId: to }: UnfollowRequest, context) =>
      change({ kind: 'UNFOLLOW', from, to }, 'followed_user_id', context),
    ),
    block: unary(logger, ({ userId: from, blockedUserId: to }: BlockRequest, context) =>
      change({ kind: 'BLOCK', from, to }, 'blocked_user_id', context),
    ),
    unblock: unary(logger, ({ userId: from, blockedUserId: to }: UnblockRequest, context) =>
      change({ kind: 'UNBLOCK', from, to }, 'blocked_user_id', context),
    ),
    listContacts: serverStream(logger, (request) => listContacts(options, request)),
    streamContacts: answering(options, (request) => allContacts(options, request)),
    getAudience: unary(logger, audience),
    streamAudiences: answering(options, audience),
    filterVisible: unary(logger, (request) => filterVisible(options, request)),
    importEdges: clientStream(logger, (requests) => importEdges(options, requests)),
  };
}

/** @throws RpcError INVALID_ARGUMENT naming the field; `field` is that of the other user. */
function checked(change: EdgeChange, field: string): EdgeChange {
  requireIdentifier('user_id', change.from);
  requireIdentifier(field, change.to);
  if (change.from !== change.to) return change;
  throw invalidArgument(field, `is the same as user_id, ${change.to}; name another user`);
}

async function changeEdge(
  options: GraphHandlersOptions,
  change: EdgeChange,
  traceparent: string | undefined,
): Promise<{ graphRevision: bigint }> {
  const { store, users, announcer, logger } = options;
  const offline = change.kind === 'BLOCK' ? await whoIsOffline(change, options) : undefined;
  const { revision, records } = await store.change({ ...change, offline });
  users.forget(change.from, change.to);
  const cause = { revision, traceparent };
  try {
    for (const record of records) await announcer.announceRecord(record, cause);
  } catch (error) {
    const problem = `stored, to be announced as soon as that can be: ${messageOf(error)}`;
    if (!isUnavailable(error)) logger.error({ err: error, kind: change.kind }, problem);
    throw new RpcError(status.UNAVAILABLE, problem, { cause: error });
  }
  return { graphRevision: BigInt(revision) };
}

/** Asked before the block is stored: until then the two are told all of each other. */
async function whoIsOffline(
  { from, to }: EdgeChange,
  { presence, logger }: GraphHandlersOptions,
): Promise<ReadonlyMap<string, number> | undefined> {
  try {
    return await presence.offline([from, to]);
  } catch (error) {
    // The block is stored all the same, and shown as any other change when presence is back.
    logger.debug({ err: error }, 'nobody knows who is offline');
    return undefined;
  }
}

async function* listContacts(
  options: GraphHandlersOptions,
  request: ListContactsRequest,
): AsyncGenerator<ListContactsResponse> {
  const pageSize = request.pageSize || DEFAULT_PAGE_SIZE;
  if (pageSize > MAX_PAGE_SIZE) {
    throw invalidArgument('page_size', `is ${pageSize}; give 1 to ${MAX_PAGE_SIZE}, or 0 for 500`);
  }
  const { contacts, revision } = await allContacts(options, request);
  for (let i = 0; i === 0 || i < contacts.length; i += pageSize) {
    yield { contacts: contacts.slice(i, i + pageSize), revision };
  }
}

async function allContacts(
  { users }: GraphHandlersOptions,
  request: ListContactsRequest,
): Promise<ListContactsResponse> {
  const userId = requireIdentifier('user_id', request.userId);
  const node = await users.asViewer(userId, Number(request.minRevision));
  return { contacts: contactsOf(node).map(toContact), revision: BigInt(node.revision) };
}

async function getAudience(
  options: GraphHandlersOptions,
  request: GetAudienceRequest,
): Promise<GetAudienceResponse> {
  const subjectId = requireIdentifier('subject_user_id', request.subjectUserId);
  const { onlyUserIds, minRevision } = request;
  if (onlyUserIds.length > 0) return audienceByName(options, subjectId, onlyUserIds);
  const node = await options.users.asSubject(subjectId, Number(minRevision));
  return toAudience(audienceOf(node), node.revision);
}

/** Read now, so that no revision has to be compared. */
async function audienceByName(
  { store }: GraphHandlersOptions,
  subjectId: string,
  viewerIds: readonly string[],
): Promise<GetAudienceResponse> {
  requireIdentifiers('only_user_ids', viewerIds, MAX_USERS);
  const { views, revision } = await store.viewsOn(subjectId, [...new Set(viewerIds)]);
  return toAudience(audienceAmong(views), revision);
}

function toAudience({ groups, hidden, removed }: Audience, revision: number): GetAudienceResponse {
  return {
    groups: groups.map(toGroup),
    hidden: hidden.map(toHiddenViewer),
    removedUserIds: [...removed],
    revision: BigInt(revision),
  };
}

async function filterVisible(
  { store }: GraphHandlersOptions,
  request: FilterVisibleRequest,
): Promise<FilterVisibleResponse> {
  const viewerId = requireIdentifier('viewer_user_id', request.viewerUserId);
  requireIdentifiers('user_ids', request.userIds, MAX_USERS);
  const { views } = await store.viewsOf(viewerId, request.userIds);
  return { contacts: views.flatMap((view) => contactOf(view) ?? []).map(toContact) };
}

async function importEdges(
  options: GraphHandlersOptions,
  requests: AsyncIterable<ImportEdgesRequest>,
): Promise<ImportEdgesResponse> {
  try {
    const { edges, users, revision } = await options.importEdges(requests);
    return { edges: BigInt(edges), users: BigInt(users), graphRevision: BigInt(revision) };
  } finally {
    options.users.forgetAll();
  }
}
