/** The frames of subprotocol presence.v1+json; docs/protocol.md says what they mean. */

export const SUBPROTOCOL = 'presence.v1+json';
/** User ids in one watch or unwatch. */
export const MAX_IDS_A_FRAME = 100;
/** Users one connection may watch. */
export const MAX_WATCHED = 200;

export interface WirePresence {
  readonly userId: string;
  readonly status?: string;
  readonly lastActive?: string;
  readonly version?: string;
  readonly mode?: string;
}

export interface WireWelcome {
  readonly sessionId: string;
  readonly userId: string;
  readonly heartbeatInterval: string;
  readonly chosen?: string;
}

/** What a gateway sends: `n` and one of the others. Empty and zero values are left out. */
export interface ServerFrame {
  readonly n?: string;
  readonly welcome?: WireWelcome;
  readonly snapshot?: { readonly presences?: readonly WirePresence[]; readonly last?: boolean };
  readonly update?: { readonly presences?: readonly WirePresence[] };
  readonly removed?: { readonly userIds?: readonly string[] };
  readonly ack?: object;
  readonly error?: { readonly code?: string; readonly message?: string };
  readonly goingAway?: { readonly reconnectAfter?: string };
}

/** What a client sends: one of these. */
export type ClientFrame =
  | { readonly heartbeat: { readonly activity?: 'ACTIVITY_IDLE' } }
  | { readonly setStatus: { readonly status?: string } }
  | { readonly watch: { readonly userIds: readonly string[] } }
  | { readonly unwatch: { readonly userIds: readonly string[] } }
  | { readonly resync: Readonly<Record<string, never>> }
  | { readonly logout: Readonly<Record<string, never>> };

/** Undefined for what is no frame: whatever it should have been is then missed by its number. */
export function parseFrame(data: unknown): ServerFrame | undefined {
  try {
    const frame: unknown = typeof data === 'string' ? JSON.parse(data) : undefined;
    return typeof frame === 'object' && frame !== null ? frame : undefined;
  } catch {
    return undefined;
  }
}

/** A google.protobuf.Duration in JSON, as in "2.381s"; left out means 0. */
export const durationMs = (text = '0s'): number => parseFloat(text) * 1000;
