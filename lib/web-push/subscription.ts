/** What a browser's PushSubscription must be before anything is sent to it. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import { createECDH, ECDH } from 'node:crypto';

/** As in RFC 8030 and RFC 8291. */
export interface Subscription {
  readonly endpoint: string;
  /** Public key of the browser: a point of P-256, base64url. */
  readonly p256dh: string;
  /** Secret of 16 bytes, base64url. */
  readonly auth: string;
}

const MAX_ENDPOINT_BYTES = 1024;
const POINT_BYTES = 65;
const SCALAR_BYTES = 32;
const SECRET_BYTES = 16;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** In words; undefined when there is none. Whether the endpoint may be written to is another question. */
export function subscriptionProblem({ endpoint, p256dh, auth }: Subscription): string | undefined {
  if (endpoint === '') return 'endpoint is missing';
  if (Buffer.byteLength(endpoint) > MAX_ENDPOINT_BYTES)
    return `endpoint is longer than ${MAX_ENDPOINT_BYTES} bytes`;
  if (!URL.canParse(endpoint)) return 'endpoint is no URL';
  if (!isPoint(p256dh)) return 'keys.p256dh is no public key: give 65 bytes of P-256 in base64url';
  if (!isBase64Url(auth, SECRET_BYTES)) return 'keys.auth is no secret: give 16 bytes in base64url';
  return undefined;
}

function isBase64Url(text: string, bytes: number): boolean {
  return BASE64URL.test(text) && Buffer.from(text, 'base64url').length === bytes;
}

/** On the curve: encryption would fail otherwise. */
export function isPoint(text: string): boolean {
  if (!isBase64Url(text, POINT_BYTES)) return false;
  try {
    ECDH.convertKey(text, 'prime256v1', 'base64url', 'hex', 'compressed');
    return true;
  } catch {
    return false;
  }
}

/** A private key of the curve: not zero, and below its order. */
export function isScalar(text: string): boolean {
  if (!isBase64Url(text, SCALAR_BYTES)) return false;
  try {
    createECDH('prime256v1').setPrivateKey(text, 'base64url');
    return true;
  } catch {
    return false;
  }
}

export interface EndpointRules {
  /** Plain http to this machine, for developers and tests. */
  readonly allowLoopback: boolean;
}

const LOOPBACK = /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/;

/** Why nothing is sent there, by the URL alone; undefined when something may be. */
export function endpointProblem(
  endpoint: string,
  { allowLoopback }: EndpointRules,
): string | undefined {
  const { protocol, hostname, username, password } = new URL(endpoint);
  if (isLoopback(endpoint) && allowLoopback) return undefined;
  if (protocol !== 'https:') return 'endpoint must be https';
  if (username || password) return 'endpoint must not have a user or a password in it';
  const address = hostname.replace(/^\[|\]$/g, '');
  const isPublic = isIP(address) ? isPublicAddress(address) : isPublicName(hostname);
  return isPublic ? undefined : 'endpoint must be on a public host';
}

/** Plain http to this machine. */
export function isLoopback(endpoint: string): boolean {
  const { protocol, hostname } = new URL(endpoint);
  return protocol === 'http:' && LOOPBACK.test(hostname);
}

/** Names that only a private network resolves. */
const isPublicName = (name: string): boolean =>
  /\../.test(name) && !/\.(localhost|local|internal|lan|home|intranet|corp|arpa)\.?$/.test(name);

const PRIVATE = blockList([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16'],
  ...['172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16'],
  ...['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/3'],
]);
/** Of IPv6, only 2000::/3 is public, and not what wraps an IPv4 address (6to4, Teredo) or is for examples. */
const PUBLIC_V6 = blockList(['2000::/3']);
const WRAPPING_V6 = blockList(['2001::/32', '2001:db8::/32', '2002::/16']);

/** Whether the address is on the internet, and not on this machine or in its private networks. */
export function isPublicAddress(address: string): boolean {
  if (!isIPv6(address)) return isIP(address) === 4 && !PRIVATE.check(address);
  return PUBLIC_V6.check(address, 'ipv6') && !WRAPPING_V6.check(address, 'ipv6');
}

function blockList(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = '', bits = ''] = subnet.split('/');
    list.addSubnet(network, Number(bits), isIPv6(network) ? 'ipv6' : 'ipv4');
  }
  return list;
}
