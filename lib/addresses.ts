/** Addresses to listen on, and to be reached at. */
import { isIPv6 } from 'node:net';

/** Where nobody from elsewhere comes in. */
export const LOOPBACK = '127.0.0.1';

export function hostPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Where this machine itself reaches what listens there: on every address means also on loopback. */
export function ownAddress(host: string, port: number): string {
  return hostPort(host === '0.0.0.0' || host === '::' ? LOOPBACK : host, port);
}
