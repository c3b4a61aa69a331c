import type { Clock } from '../lib/clock.ts';
import type { MessageBus } from '../lib/kafka/bus.ts';
import type { Logger } from '../lib/logger.ts';
import type { AuthOptions } from './door/auth.ts';
import type { RateLimit } from './limits/frame-rate.ts';
import type { UpstreamClients } from './upstreams/upstreams.ts';

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
