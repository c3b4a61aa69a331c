/**
 * Composition root of the gateway. Holds connections and what their clients were told, nothing else: when this process
 * dies its clients reconnect to another one, their leases run on, and fanout stops sending here within 3 s.
 */
import { hostname } from 'node:os';
import type { Clock } from '../lib/clock.ts';
import { createDisposer, type Disposer } from '../lib/lifecycle.ts';
import type { MessageBus } from '../lib/kafka/bus.ts';
import type { Logger } from '../lib/logger.ts';
import { createReadiness, logTurns } from '../lib/readiness.ts';
import { gauge } from '../lib/telemetry/metrics.ts';
import { METRICS } from '../lib/telemetry/names.ts';
import { createAuthenticator, type Authenticator, type AuthOptions } from './auth.ts';
import { CLOSE } from './close-codes.ts';
import { createDeliveries } from './deliveries.ts';
import { createConsole } from './console.ts';
import { createDepartures } from './departures.ts';
import { createDoorway } from './doorway.ts';
import { createGatewayEvents } from './events.ts';
import { drain } from './drain.ts';
import { createExcuse } from './excuses.ts';
import type { RateLimit } from './frame-rate.ts';
import { createGatewayLease, type GatewayLease } from './gateway-lease.ts';
import { Heartbeats } from './heartbeats.ts';
import { createHub } from './hub.ts';
import { InboundTopic } from './inbound-topic.ts';
import { createOrigins } from './origins.ts';
import { startProbe } from './probe.ts';
import { createPropagationTally } from './propagation-tally.ts';
import { RequestRate } from './request-rate.ts';
import { answerRequest, SOCKET_PATH } from './routes.ts';
import type { SocketServer } from './socket-server.ts';
import { answerUpgrade } from './upgrade.ts';
import { createUpstreams, type UpstreamClients } from './upstreams.ts';
import { createUwsSocketServer } from './uws-socket-server.ts';
import { Watches } from './watches.ts';

export interface GatewayOptions extends UpstreamClients {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Not disposed with the gateway, as the clients are not: it is whoever's made it. */
  readonly bus: MessageBus;
  /** 0 means any free one. */
  readonly httpPort: number;
  readonly auth: Omit<AuthOptions, 'host' | 'clock'>;
  /** Default: loopback with dev tokens, else all interfaces. */
  readonly host?: string | undefined;
  /** Origins whose pages may use it, as in `https://app.example.com`; default: as for any page. See origins.ts. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** Default: the host name. */
  readonly gatewayName?: string | undefined;
  /** How often clients are asked to send a heartbeat, ms. */
  readonly heartbeatIntervalMs: number;
  /** Public key that browsers subscribe to notifications with, base64url; without it Web Push is off. */
  readonly vapidPublicKey?: string | undefined;
  /** Replicas of the gateway's topic; default 1. */
  readonly topicReplication?: number;
  /** Time for clients to leave when the gateway stops, ms; default 5,000. */
  readonly drainMs?: number;
  readonly limits?: Partial<Limits>;
  /** Where the console's page is, ending in `/`; default: beside this code, as `npm run build` puts it. */
  readonly consoleDir?: URL;
}

export interface Limits {
  /** Frames of one connection; default 20 a second, 40 at once. */
  readonly rate: RateLimit;
  /** Requests of one user, those for a WebSocket included; default 20 a second, 40 at once. */
  readonly requests: RateLimit;
  /** Sessions of one user on this gateway; default 20. */
  readonly sessionsAUser: number;
}

export interface Gateway extends AsyncDisposable {
  readonly port: number;
  readonly gatewayId: string;
  /** Connections open. */
  connections(): number;
  /** What keeps it from serving, in words; empty when it serves. */
  problems(): readonly string[];
  /** Resolves when it serves for the first time. */
  ready(): Promise<void>;
}

const RATE: RateLimit = { perSecond: 20, burst: 40 };
const REQUESTS: RateLimit = { perSecond: 20, burst: 40 };
const SESSIONS_A_USER = 20;
const MAX_MESSAGE_BYTES = 64 * 1024;
const MAX_BODY_BYTES = 4 * 1024;
/** What the outlet keeps back beyond, one part of a snapshot, and what it does not write: pongs. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
const IDLE_TIMEOUT_MS = 120_000;
const DRAIN_MS = 5000;
const CHECK_MS = 1000;
const PROBE_MS = 2000;
/** Nobody: asked about, so that the graph has to look. */
const PROBE_USER = 'presence-mesh:probe';

/** @throws ConfigError when the way to authenticate cannot be served safely. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const host = options.host ?? (options.auth.mode === 'dev' ? '127.0.0.1' : '0.0.0.0');
  const authenticator = createAuthenticator({ ...options.auth, host, clock: options.clock });
  const disposer = createDisposer();
  try {
    const core = createCore(options, disposer);
    const server = disposer.add(await serve(core, options, authenticator, host));
    disposer.defer(() => leave(core, server, options));
    start(core, options, disposer);
    return {
      port: server.port,
      gatewayId: core.gatewayId,
      connections: () => core.hub.size,
      problems: core.problems,
      ready: () => whenReady(core),
      [Symbol.asyncDispose]: () => disposer[Symbol.asyncDispose](),
    };
  } catch (error) {
    await disposer[Symbol.asyncDispose]();
    throw error;
  }
}

/** Everything but the server. What runs by itself is closed by the disposer, the last one made first. */
function createCore(options: GatewayOptions, disposer: Disposer) {
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

type Core = ReturnType<typeof createCore>;

function serve(
  core: Core,
  options: GatewayOptions,
  authenticator: Authenticator,
  host: string,
): Promise<SocketServer> {
  const { clock, heartbeatIntervalMs, logger } = options;
  const rate = options.limits?.rate ?? RATE;
  const origins = createOrigins(options.allowedOrigins);
  const console = createConsole({ auth: options.auth.mode }, options.consoleDir);
  const push = {
    publicKey: options.vapidPublicKey,
    allowLoopback: options.auth.mode === 'dev',
  };
  const doorway = createDoorway({
    ...core,
    context: { ...core, clock, heartbeatIntervalMs, logger },
    authenticator,
    isOpen: core.admission.isReady,
    requestRate: new RequestRate(options.limits?.requests ?? REQUESTS, clock),
  });
  return createUwsSocketServer({
    host,
    port: options.httpPort,
    socketPath: SOCKET_PATH,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    maxBodyBytes: MAX_BODY_BYTES,
    maxBufferedBytes: MAX_BUFFERED_BYTES,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    onUpgrade: (request) =>
      origins.refuseSocket(request) ?? answerUpgrade(request, { ...core, doorway, rate, clock }),
    onRequest: async (request) => {
      const options = { ...core, doorway, console, push, clock };
      const answer = origins.preflight(request) ?? (await answerRequest(request, options));
      return origins.readable(request, answer);
    },
  });
}

/** What happens by itself from now on. */
function start(core: Core, { clock, bus }: GatewayOptions, disposer: Disposer): void {
  core.inbound.start();
  const checks = clock.every(CHECK_MS, () => core.hub.forEach((session) => session.check()));
  disposer.defer(() => checks.cancel());
  const probe = (name: string, check: () => Promise<unknown>): void => {
    const onResult = (problem: string | undefined): void => core.servers.set(name, problem);
    const running = startProbe({ clock, intervalMs: PROBE_MS, check, onResult });
    disposer.defer(() => running[Symbol.dispose]());
  };
  probe('bus', () => bus.ping());
  probe('graph', () => core.upstreams.visible(PROBE_USER, [PROBE_USER]));
}

/** The first step of stopping: nobody comes in, and those inside are asked to go. */
async function leave(core: Core, server: SocketServer, options: GatewayOptions): Promise<void> {
  core.admission.set('draining', 'this gateway is about to stop');
  server.stopAccepting();
  await drain({ ...core, clock: options.clock, withinMs: options.drainMs ?? DRAIN_MS });
}

function whenReady({ admission, servers, problems }: Core): Promise<void> {
  return new Promise((resolve) => {
    const stops: (() => void)[] = [];
    const look = (): void => {
      if (problems().length > 0) return;
      for (const stop of stops) stop();
      resolve();
    };
    stops.push(admission.watch(look), servers.watch(look));
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
