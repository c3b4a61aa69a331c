/**
 * Composition root of the gateway. Holds connections and what their clients were told, nothing else: when this process
 * dies its clients reconnect to another one, their leases run on, and fanout stops sending here within 3 s.
 */
import { createDisposer, type Disposer } from '../lib/lifecycle.ts';
import { createAuthenticator, type Authenticator } from './door/auth.ts';
import { createConsole } from './http/console.ts';
import { createCore, type Core } from './core.ts';
import { createDoorway } from './door/doorway.ts';
import { drain } from './drain.ts';
import type { RateLimit } from './limits/frame-rate.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { createOrigins } from './door/origins.ts';
import { startProbe } from './probe.ts';
import { RequestRate } from './limits/request-rate.ts';
import { answerRequest, SOCKET_PATH } from './http/routes.ts';
import type { SocketServer } from './server/socket-server.ts';
import { answerUpgrade } from './door/upgrade.ts';
import { createUwsSocketServer } from './server/uws-server.ts';

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

function serve(
  core: Core,
  options: GatewayOptions,
  authenticator: Authenticator,
  host: string,
): Promise<SocketServer> {
  const { clock, heartbeatIntervalMs, logger } = options;
  const rate = options.limits?.rate ?? RATE;
  const origins = createOrigins(options.allowedOrigins);
  const hasPush = options.vapidPublicKey !== undefined;
  const console = createConsole({ auth: options.auth.mode, hasPush }, options.consoleDir);
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
