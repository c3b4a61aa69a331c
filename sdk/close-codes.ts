/** Why connections close, and whether to reconnect: the catalogue of docs/protocol.md. */

export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** Never sent: the connection broke, or was given up. */
export const BROKEN = 1006;
export const NORMAL = 1000;

/** Somebody must act first: log in, get another token, mend the program, or close other connections. */
const FINAL: ReadonlySet<number> = new Set([
  NORMAL, // logged out
  4001, // token expired
  4002, // bad frames
  4003, // too many frames
  4004, // too many connections
]);

export const mayReconnect = ({ code }: Closing): boolean => !FINAL.has(code);
