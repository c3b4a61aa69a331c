/** Viewers and where they are connected → what each gateway is sent: pure. */
import type { ViewChange, ViewerGroup } from './audience.ts';

/** One message for one gateway. */
export interface GatewayParcel {
  readonly gatewayId: string;
  readonly change: ViewChange;
  readonly quiet: boolean;
  readonly viewRevision: bigint;
  /** 1 to MAX_RECIPIENTS. */
  readonly recipientUserIds: readonly string[];
}

/** Recipients a message, so that it stays well under the broker's limit of 1 MB. */
export const MAX_RECIPIENTS = 1000;

/** Gateways of each user, by user. */
export type RoutesOf = (userId: string) => readonly string[];

/** Nothing goes to a gateway without a recipient, and every recipient is named once a gateway. */
export function parcelsFor(
  groups: readonly ViewerGroup[],
  routesOf: RoutesOf,
  live: ReadonlySet<string>,
): GatewayParcel[] {
  return groups.flatMap(({ userIds, ...group }) =>
    [...byGateway(userIds, routesOf, live)].flatMap(([gatewayId, recipients]) =>
      chunks(recipients, MAX_RECIPIENTS).map((recipientUserIds) => ({
        ...{ gatewayId, ...group, recipientUserIds },
      })),
    ),
  );
}

function byGateway(
  userIds: readonly string[],
  routesOf: RoutesOf,
  live: ReadonlySet<string>,
): Map<string, string[]> {
  const recipientsOf = new Map<string, string[]>();
  for (const userId of userIds) {
    for (const gatewayId of routesOf(userId)) {
      if (!live.has(gatewayId)) continue;
      const recipients = recipientsOf.get(gatewayId);
      if (recipients) recipients.push(userId);
      else recipientsOf.set(gatewayId, [userId]);
    }
  }
  return recipientsOf;
}

export function chunks<T>(items: readonly T[], size: number): (readonly T[])[] {
  if (items.length <= size) return items.length > 0 ? [items] : [];
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
