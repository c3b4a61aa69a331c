/** The announce call over gRPC. */
import type { PresenceServiceClient } from '../gen/presence/v1/presence_service.ts';
import type { ClientPool } from '../lib/grpc/client.ts';
import type { Announce } from './announcer.ts';

export function announceThrough(presence: ClientPool<PresenceServiceClient>): Announce {
  return async ({ subject, only, revision, traceparent }) => {
    const response = await presence.unary(
      (client) => client.announce,
      { subjectUserId: subject, onlyUserIds: [...only], graphRevision: BigInt(revision) },
      { traceparent },
    );
    return {
      version: Number(response.presence?.version ?? 0n),
      lastActiveMs: response.presence?.lastActive?.getTime() ?? 0,
    };
  };
}
