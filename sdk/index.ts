/** The presence-mesh client for browsers and Node: whom a user sees, live. See README.md. */
export {
  createPresenceClient,
  type PresenceClient,
  type PresenceError,
  type PresenceEvents,
} from './client.ts';
export type { Backoff } from './backoff.ts';
export type { Choice } from './chosen-status.ts';
export type { Clock, Timer } from './clock.ts';
export type { Closing } from './close-codes.ts';
export type { LinkState, TokenProvider } from './link.ts';
export type { PresenceClientOptions } from './options.ts';
export { isNewer, type Presence, type Status } from './presence.ts';
export type { Gap } from './sequence.ts';
export type { Signal } from './signal.ts';
export type { SocketConstructor, SocketLike } from './socket.ts';
export type { ConnectionStatus, PresenceSnapshot } from './store.ts';
export type { PresenceChange } from './view.ts';
