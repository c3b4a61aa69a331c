/** A graph process in the test's own, over real gRPC, with a presence that the test plays. */
import type {
  Contact,
  GetAudienceRequest,
  GetAudienceResponse,
  GraphServiceClient,
  ListContactsRequest,
  ListContactsResponse,
} from '../../gen/graph/v1/graph_service.ts';
import {
  PresenceServiceService,
  type AnnounceRequest,
  type FilterOfflineRequest,
  type PresenceServiceServer,
} from '../../gen/presence/v1/presence_service.ts';
import { Mode, Status, type Presence } from '../../gen/presence/v1/presence.ts';
import { createGraph, type GraphPart } from '../../graph/app.ts';
import type { GraphStore } from '../../graph/graph-store.ts';
import { presenceThrough } from '../../graph/grpc-presence.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import type { ClientPool } from '../../lib/grpc/client.ts';
import { createGrpcServer } from '../../lib/grpc/server.ts';
import { unary } from '../../lib/grpc/handlers.ts';
import { createDisposer } from '../../lib/lifecycle.ts';
import { createLogger } from '../../lib/logger.ts';
import { createReadiness } from '../../lib/readiness.ts';
import { openGraph, openPresence } from '../support/clients.ts';

const logger = createLogger('test', 'silent');

export interface TestGraph extends AsyncDisposable {
  readonly pool: ClientPool<GraphServiceClient>;
  readonly address: string;
  readonly part: GraphPart;
  pages(request: Partial<ListContactsRequest>): Promise<ListContactsResponse[]>;
  contacts(userId: string, minRevision?: bigint): Promise<Contact[]>;
  audience(
    subjectUserId: string,
    request?: Partial<GetAudienceRequest>,
  ): Promise<GetAudienceResponse>;
}

export interface TestGraphOptions {
  readonly store: GraphStore;
  readonly presenceAddress: string;
  /** Default: any free one. */
  readonly port?: number;
  /** Of graph itself; the system's when absent. */
  readonly clock?: Clock;
}

export async function startGraph(options: TestGraphOptions): Promise<TestGraph> {
  const disposer = createDisposer();
  const presence = openPresence(options.presenceAddress);
  disposer.defer(() => presence[Symbol.dispose]());
  const part = disposer.add(
    createGraph({
      ...{ clock: options.clock ?? systemClock, logger, store: options.store },
      presence: presenceThrough(presence),
    }),
  );
  const server = disposer.add(
    await createGrpcServer({
      services: part.services,
      host: '127.0.0.1',
      port: options.port ?? 0,
      drainMs: 1000,
      clock: systemClock,
    }),
  );
  const address = `127.0.0.1:${server.port}`;
  const pool = openGraph(address);
  disposer.defer(() => pool[Symbol.dispose]());
  const pages = async (request: Partial<ListContactsRequest>): Promise<ListContactsResponse[]> => {
    const whole = { userId: '', minRevision: 0n, pageSize: 0, ...request };
    const all: ListContactsResponse[] = [];
    for await (const page of pool.stream<ListContactsRequest, ListContactsResponse>(
      (client) => client.listContacts,
      whole,
    )) {
      all.push(page);
    }
    return all;
  };
  return {
    pool,
    address,
    part,
    pages,
    contacts: async (userId, minRevision = 0n) =>
      (await pages({ userId, minRevision })).flatMap(({ contacts }) => contacts),
    audience: (subjectUserId, request = {}) =>
      pool.unary((client) => client.getAudience, {
        subjectUserId,
        minRevision: 0n,
        onlyUserIds: [],
        ...request,
      }),
    [Symbol.asyncDispose]: () => disposer[Symbol.asyncDispose](),
  };
}

export interface PlayedPresence extends AsyncDisposable {
  readonly port: number;
  readonly announced: AnnounceRequest[];
  /** Answered as offline, with their versions. */
  readonly offline: Map<string, bigint>;
}

/** Takes announcements, each shown with the next version. */
export async function playPresence(port = 0): Promise<PlayedPresence> {
  const announced: AnnounceRequest[] = [];
  const offline = new Map<string, bigint>();
  const presenceOf = (userId: string, status: Status, version: bigint): Presence => ({
    ...{ userId, status, version, mode: Mode.MODE_UNSPECIFIED },
    lastActive: new Date(1_700_000_000_000),
  });
  const implementation: Pick<PresenceServiceServer, 'announce' | 'filterOffline'> = {
    filterOffline: unary(logger, ({ userIds }: FilterOfflineRequest) => ({
      presences: userIds.flatMap((userId) => {
        const version = offline.get(userId);
        return version === undefined ? [] : [presenceOf(userId, Status.STATUS_OFFLINE, version)];
      }),
    })),
    announce: unary(logger, (request: AnnounceRequest) => {
      announced.push(request);
      const { subjectUserId } = request;
      const version = offline.get(subjectUserId) ?? BigInt(1000 + announced.length);
      return { presence: presenceOf(subjectUserId, Status.STATUS_ONLINE, version) };
    }),
  };
  const server = await createGrpcServer({
    services: [
      {
        name: 'presence.v1.PresenceService',
        definition: {
          announce: PresenceServiceService.announce,
          filterOffline: PresenceServiceService.filterOffline,
        },
        implementation,
        readiness: createReadiness([]),
      },
    ],
    host: '127.0.0.1',
    port,
    drainMs: 100,
    clock: systemClock,
  });
  return {
    port: server.port,
    announced,
    offline,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
