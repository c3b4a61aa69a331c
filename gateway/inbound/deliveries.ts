/** What fanout says, to the sessions of those it is for. */
import type { Delivery } from '../../gen/fanout/v1/messages.ts';
import type { Clock } from '../../lib/clock.ts';
import { ATTRIBUTES, SPANS } from '../../lib/telemetry/names.ts';
import { beginStep } from '../../lib/telemetry/spans.ts';
import type { DeliveryOutcome, GatewayEvents } from '../events.ts';
import type { Hub } from '../sessions/hub.ts';
import { changeOf, type SubjectChange } from '../protocol/subject-change.ts';
import type { Watches } from '../sessions/watches.ts';

export interface DeliveriesOptions {
  readonly gatewayId: string;
  readonly hub: Hub;
  readonly watches: Watches;
  readonly events: Pick<GatewayEvents, 'delivered'>;
  readonly clock: Clock;
}

/** Takes a message, and the traceparent it came with ('' for none). */
export type Deliver = (delivery: Delivery, trace: string) => void;

export function createDeliveries(options: DeliveriesOptions): Deliver {
  const { gatewayId, events, clock } = options;
  return (delivery, trace) => {
    const step = beginStep(SPANS.deliver, trace, { kind: 'CONSUMER' });
    const receivedAtMs = clock.now();
    const begunAtMs = clock.monotonic();
    const reached = deliver(delivery, options);
    const tookMs = clock.monotonic() - begunAtMs;
    if (step.isRecording) {
      const recipients = delivery.recipientUserIds.length;
      step.set({ [ATTRIBUTES.gateway]: gatewayId, [ATTRIBUTES.recipients]: recipients });
    }
    step.end();
    events.delivered(delivery, { receivedAtMs, tookMs, ...reached });
  };
}

/** Nothing here waits, and a frame is encoded once for all who speak the same. */
function deliver(
  delivery: Delivery,
  { hub, watches }: DeliveriesOptions,
): Pick<DeliveryOutcome, 'sockets' | 'gone'> {
  let sockets = 0;
  let gone = 0;
  const change = subjectChangeOf(delivery);
  if (!change) return { sockets, gone };
  for (const userId of delivery.recipientUserIds) {
    const sessions = hub.sessionsOf(userId);
    if (sessions.length === 0) gone++;
    sockets += sessions.length;
    for (const session of sessions) {
      if (!delivery.quiet) session.deliver(change);
      if (delivery.viewRevision > 0n) session.renewView(delivery.viewRevision);
      if (session.watching) watches.delivered(session, change, delivery.quiet);
    }
  }
  return { sockets, gone };
}

function subjectChangeOf({ change }: Delivery): SubjectChange | undefined {
  if (change?.$case === 'update') return changeOf(change.value.userId, change.value);
  if (change?.$case === 'removedUserId') return changeOf(change.value, undefined);
  return undefined;
}
