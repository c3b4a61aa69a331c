/** What sessions share, and what makes one. */
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Departures } from './departures.ts';
import type { GatewayEvents } from '../events.ts';
import type { Excuse } from '../excuses.ts';
import type { Heartbeats } from '../heartbeats/heartbeats.ts';
import type { Outlet } from './outlet.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';

/** What all sessions of a gateway share. */
export interface SessionContext {
  readonly gatewayId: string;
  /** Told to clients. */
  readonly heartbeatIntervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly upstreams: Upstreams;
  readonly heartbeats: Heartbeats;
  readonly departures: Departures;
  readonly events: GatewayEvents;
  readonly excuse: Excuse;
}

export interface SessionOptions {
  readonly userId: string;
  /** When the token ends, ms since the epoch. */
  readonly expiresAtMs: number;
  readonly device: string;
  /** What the client brought, valid, '' for none: a parent of what it does, or no more than linked to. */
  readonly traceparent: string;
  readonly linked: string;
  /** True for a connection that sends no heartbeats: the gateway beats for it. */
  readonly beatsItself: boolean;
  readonly outlet: Outlet;
  /** Called once, when the session is over. */
  readonly onClosed: () => void;
}
