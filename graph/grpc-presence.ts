/** What graph asks of presence, over gRPC. */
import type { PresenceServiceClient } from '../gen/presence/v1/presence_service.ts';
import type { ClientPool } from '../lib/grpc/client.ts';
import type { AnnouncingPresence } from './announcer.ts';

export function presenceThrough(presence: ClientPool<PresenceServiceClient>): AnnouncingPresence {
  return {
    async announce({ subject, only, revision, shownVersion, renew, traceparent }) {
      const request = {
        subjectUserId: subject,
        onlyUserIds: [...only],
        graphRevision: BigInt(revision),
        shownVersion: shownVersion === undefined ? undefined : BigInt(shownVersion),
        renew: renew === 'ALWAYS',
        renewPresent: renew === 'PRESENT',
        renewView: renew === 'VIEW',
      };
      const settings = { traceparent, isIdempotent: true };
      const response = await presence.unary((client) => client.announce, request, settings);
      return {
        version: Number(response.presence?.version ?? 0n),
        lastActiveMs: response.presence?.lastActive?.getTime() ?? 0,
      };
    },
    async offline(userIds) {
      const request = { userIds: [...userIds] };
      const { presences } = await presence.unary((client) => client.filterOffline, request, {
        isIdempotent: true,
      });
      return new Map(presences.map(({ userId, version }) => [userId, Number(version)]));
    },
  };
}
