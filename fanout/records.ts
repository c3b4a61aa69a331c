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

/** How a record is sent, for telemetry. */
export interface Sending {
  readonly traceparent: string;
  /** By this worker's clock. */
  readonly sentAtMs: number;
}

export function deliveryRecord(
  entry: OutboxEntry,
  parcel: GatewayParcel,
  { traceparent, sentAtMs }: Sending,
): BusRecord {
  const delivery = {
    recipientUserIds: [...parcel.recipientUserIds],
    change: parcel.change,
    settledAt: new Date(entry.settledAtMs),
    cause: causeOf[entry.cause],
    causedAt: new Date(entry.causedAtMs),
    sentAt: new Date(sentAtMs),
    quiet: parcel.quiet,
    viewRevision: parcel.viewRevision,
  };
  return {
    key: entry.settled.userId,
    value: GatewayRecord.encode({ payload: { $case: 'delivery', value: delivery } }).finish(),
    headers: headersOf(traceparent),
  };
}

export function transitionRecord(entry: OutboxEntry, traceparent: string): BusRecord {
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
    headers: headersOf(traceparent),
  };
}

function headersOf(traceparent: string): Record<string, string> {
  return traceparent ? { traceparent } : {};
}
