/** Business events of the gateway: one function each, for metric and log record together. */
import type { Delivery } from '../gen/fanout/v1/messages.ts';
import { Cause } from '../gen/presence/v1/transition.ts';
import type { Logger } from '../lib/logger.ts';
import { counter, histogram } from '../lib/telemetry/metrics.ts';
import { ATTRIBUTES, METRICS, STAGES, type Stage } from '../lib/telemetry/names.ts';
import type { PropagationTally } from './propagation-tally.ts';

export interface GatewayEvents {
  /** A message of fanout was handed to the sockets it is for. */
  delivered(delivery: Delivery, outcome: DeliveryOutcome): void;
  /** A newer change of a subject replaced one that waited for a client. */
  conflated(): void;
  /** What clients watch was looked up, for all of them together. */
  lookedUp(): void;
  leaseHeld(): void;
  leaseNotRenewed(problem: string): void;
  leaseEnded(): void;
  leaseLost(): void;
}

export interface DeliveryOutcome {
  /** By the wall clock. */
  readonly receivedAtMs: number;
  readonly tookMs: number;
  readonly sockets: number;
  /** Recipients who have no session here. */
  readonly gone: number;
}

export function createGatewayEvents(logger: Logger, tally: PropagationTally): GatewayEvents {
  return { ...createDeliveryEvents(tally), ...createLeaseEvents(logger) };
}

/** Once a message, not once a socket. */
function createDeliveryEvents(
  tally: PropagationTally,
): Pick<GatewayEvents, 'delivered' | 'conflated' | 'lookedUp'> {
  const propagation = histogram(METRICS.propagation);
  const deliveries = counter(METRICS.deliveries);
  const drop = counter(METRICS.drops);
  const conflation = counter(METRICS.conflations);
  const lookup = counter(METRICS.watchLookups);
  const spent = (stage: Stage, cause: string, ms: number): void =>
    propagation(Math.max(0, ms) / 1000, { [ATTRIBUTES.stage]: stage, [ATTRIBUTES.cause]: cause });
  return {
    delivered: ({ cause, sentAt, causedAt }, { receivedAtMs, tookMs, sockets, gone }) => {
      const why = nameOf.get(cause) ?? 'UNSPECIFIED';
      if (sentAt) spent(STAGES.kafka, why, receivedAtMs - sentAt.getTime());
      spent(STAGES.deliver, why, tookMs);
      if (causedAt) {
        const totalMs = receivedAtMs + tookMs - causedAt.getTime();
        spent(STAGES.total, why, totalMs);
        tally.add(totalMs);
      }
      if (sockets > 0) deliveries(sockets, {});
      if (gone > 0) drop(gone, { [ATTRIBUTES.reason]: 'recipient_gone' });
    },
    conflated: () => conflation(1, { [ATTRIBUTES.stage]: STAGES.deliver }),
    lookedUp: () => lookup(1, {}),
  };
}

/** As the store names causes, and fanout with it. */
const nameOf = new Map<Cause, string>(
  Object.entries(Cause).map(([name, value]) => [value, name.slice('CAUSE_'.length)]),
);

type LeaseEvents = Omit<GatewayEvents, 'delivered' | 'conflated' | 'lookedUp'>;

function createLeaseEvents(logger: Logger): LeaseEvents {
  const renewal = counter(METRICS.leaseRenewals);
  const renewed = (outcome: string): void => renewal(1, { [ATTRIBUTES.outcome]: outcome });
  return {
    leaseHeld: () => renewed('held'),
    leaseNotRenewed: (problem) => {
      renewed('failed');
      logger.warn(`the lease of this gateway was not renewed: ${problem}`);
    },
    leaseEnded: () => {
      renewed('ended');
      logger.error('the lease of this gateway has ended');
    },
    leaseLost: () =>
      logger.error('the lease of this gateway cannot be had again: closing all connections'),
  };
}
