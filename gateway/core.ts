/** Everything of a gateway but its server, put together. */
import { hostname } from 'node:os';
import type { Disposer } from '../lib/lifecycle.ts';
import { createReadiness, logTurns } from '../lib/readiness.ts';
import { gauge } from '../lib/telemetry/metrics.ts';
import { METRICS } from '../lib/telemetry/names.ts';
import { CLOSE } from './protocol/close-codes.ts';
import { createDeliveries } from './inbound/deliveries.ts';
import { createDepartures } from './sessions/departures.ts';
import { createGatewayEvents } from './events.ts';
import { createExcuse } from './excuses.ts';
import { createGatewayLease, type GatewayLease } from './inbound/gateway-lease.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { Heartbeats } from './heartbeats/heartbeats.ts';
import { createHub } from './sessions/hub.ts';
import { InboundTopic } from './inbound/inbound-topic.ts';
import { createPropagationTally } from './propagation-tally.ts';
import { createUpstreams } from './upstreams/upstreams.ts';
import { Watches } from './sessions/watches.ts';

const SESSIONS_A_USER = 20;

export type Core = ReturnType<typeof createCore>;

/** What runs by itself is closed by the disposer, the last one made first. */
export function createCore(options: GatewayOptions, disposer: Disposer) {
  const { clock, logger } = options;
  const base = createBase(options);
  const { hub, upstreams } = base;
  const sessions = gauge(METRICS.sessions, () => hub.size);
  disposer.defer(() => sessions[Symbol.dispose]());
  const watches = new Watches({ upstreams, events: base.events, clock, logger });
  disposer.defer(() => watches[Symbol.dispose]());
  const heartbeats = new Heartbeats({
    ...options,
    onState: (problem) => base.servers.set('presence', problem),
    onDataLoss: (holdMs) => hub.forEach((session) => session.snapshotAfter(holdMs)),
  });
  disposer.defer(() => heartbeats[Symbol.dispose]());
  // The lease is given back before the topic goes, so that nothing is sent to one that is not there.
  const lease = createLease(base, options);
  const inbound = disposer.add(createInbound({ ...base, watches, lease }, options));
  disposer.add(lease);
  const giveUpAfterMs = () => heartbeats.leaseTtlMs;
  const departures = disposer.add(createDepartures({ upstreams, clock, logger, giveUpAfterMs }));
  return { ...base, watches, heartbeats, inbound, departures };
}

function createBase(options: GatewayOptions) {
  /** Without these nobody can be let in; while the others fail, who comes in waits for them. */
  const admission = createReadiness(['own topic', 'lease']);
  const servers = logTurns(createReadiness(['bus', 'presence', 'graph']), options.logger);
  const propagation = createPropagationTally();
  return {
    gatewayId: gatewayIdOf(options),
    admission,
    servers,
    problems: () => [...admission.problems(), ...servers.problems()],
    failing: () => [...admission.failing(), ...servers.failing()],
    excuse: createExcuse(options),
    upstreams: createUpstreams(options),
    propagation,
    events: createGatewayEvents(options.logger, propagation),
    hub: createHub(options.limits?.sessionsAUser ?? SESSIONS_A_USER),
  };
}

type Base = ReturnType<typeof createBase>;

function createLease(
  { gatewayId, admission, hub, events }: Base,
  { registry, clock }: GatewayOptions,
): GatewayLease {
  return createGatewayLease({
    gatewayId,
    registry,
    clock,
    onHeld: (again) => {
      admission.set('lease', undefined);
      events.leaseHeld();
      if (again) hub.forEach((session) => session.snapshotAfter(0));
    },
    onFailure: events.leaseNotRenewed,
    onEnded: () => {
      admission.set('lease', 'ended without being renewed: nothing is sent to this gateway');
      events.leaseEnded();
    },
    onLost: () => {
      events.leaseLost();
      hub.forEach((session) => session.abandon(CLOSE.leaseLost));
    },
  });
}

interface Inbound extends Base {
  readonly watches: Watches;
  readonly lease: GatewayLease;
}

function createInbound(
  { gatewayId, admission, hub, watches, lease, events }: Inbound,
  options: GatewayOptions,
): InboundTopic {
  const { clock, logger } = options;
  const topic = logTurns(admission, logger);
  return new InboundTopic({
    ...options,
    gatewayId,
    replication: options.topicReplication ?? 1,
    onDelivery: createDeliveries({ gatewayId, hub, watches, events, clock }),
    onProblem: (problem) => topic.set('own topic', problem),
    onReading: (again) => {
      topic.set('own topic', undefined);
      if (again) hub.forEach((session) => session.snapshotAfter(0));
      else lease.start();
    },
  });
}

function gatewayIdOf({ gatewayName, clock }: GatewayOptions): string {
  const name =
    gatewayName ??
    hostname()
      .replaceAll(/[^A-Za-z0-9_.-]/g, '-')
      .slice(0, 64);
  return `${name}.${clock.uuid().slice(0, 8)}`;
}
