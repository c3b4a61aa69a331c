/** Records as they go to Kafka. */
import { GatewayRecord } from '../gen/fanout/v1/messages.ts';
import { Cause, Transition } from '../gen/presence/v1/transition.ts';
import type { BusRecord } from '../lib/kafka/bus.ts';
import type { Cause as StoreCause, OutboxEntry } from '../store/presence-store.ts';
import { toStatus, toTime } from './audience.ts';
import type { GatewayParcel } from './routes.ts';

const causeOf: Record<StoreCause, Cause> = {
  OPENED: Cause.CAUSE_OPENED,
  CHOSEN: Cause.CAUSE_CHOSEN,
  ACTIVITY: Cause.CAUSE_ACTIVITY,
  EXPIRED: Cause.CAUSE_EXPIRED,
  CLOSED: Cause.CAUSE_CLOSED,
  LOGOUT: Cause.CAUSE_LOGOUT,
  ANNOUNCED: Cause.CAUSE_ANNOUNCED,
};

export function deliveryRecord(entry: OutboxEntry, parcel: GatewayParcel): BusRecord {
  const delivery = {
    recipientUserIds: [...parcel.recipientUserIds],
    change: parcel.change,
    settledAt: new Date(entry.settledAtMs),
  };
  return {
    key: entry.settled.userId,
    value: GatewayRecord.encode({ payload: { $case: 'delivery', value: delivery } }).finish(),
    headers: headersOf(entry),
  };
}

export function transitionRecord(entry: OutboxEntry): BusRecord {
  const { userId, status, version, lastActiveMs } = entry.settled;
  const transition: Transition = {
    userId,
    status: toStatus(status),
    version: BigInt(version),
    lastActive: toTime(lastActiveMs),
    cause: causeOf[entry.cause],
    settledAt: new Date(entry.settledAtMs),
  };
  return {
    key: userId,
    value: Transition.encode(transition).finish(),
    headers: headersOf(entry),
  };
}

function headersOf({ trace }: OutboxEntry): Record<string, string> {
  return trace ? { traceparent: trace } : {};
}
