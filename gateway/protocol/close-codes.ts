/** Why the gateway closes a connection: the catalogue that docs/protocol.md prints and clients act upon. */

export interface CloseCode {
  readonly code: number;
  readonly reason: string;
  /** May the client reconnect by itself? If not, a person or another token must mend something first. */
  readonly mayReconnect: boolean;
}

export const CLOSE = {
  loggedOut: { code: 1000, reason: 'logged out', mayReconnect: false },
  goingAway: { code: 4000, reason: 'going away', mayReconnect: true },
  tokenExpired: { code: 4001, reason: 'token expired', mayReconnect: false },
  badFrames: { code: 4002, reason: 'too many bad frames', mayReconnect: false },
  rate: { code: 4003, reason: 'too many frames', mayReconnect: false },
  tooManyConnections: { code: 4004, reason: 'too many connections', mayReconnect: false },
  slow: { code: 4005, reason: 'too slow', mayReconnect: true },
  leaseLost: { code: 4006, reason: 'lease lost', mayReconnect: true },
} as const satisfies Record<string, CloseCode>;
