/** What is written in settings, host:port, and the processes it stands for: a name may stand for several. */
import { lookup } from 'node:dns/promises';
import { isIP, isIPv4 } from 'node:net';

/** The IP addresses of a host. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export const resolveHost: Resolve = async (host) => {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
};

/** Whether an address has a host's name, and not its number. */
export function isName(address: string): boolean {
  return isIP(split(address).host) === 0;
}

/**
 * The address of each process that a name stands for. Where a host has addresses of both kinds, those of the old kind:
 * a process must not be taken for two, and the mesh's servers listen there.
 */
export async function addressesOf(name: string, resolve: Resolve): Promise<readonly string[]> {
  const { host, port } = split(name);
  const found = await resolve(host);
  const old = found.filter((ip) => isIPv4(ip));
  return (old.length > 0 ? old : found).map((ip) => (isIPv4(ip) ? ip : `[${ip}]`) + port);
}

/** The port with its colon; '' for none. */
function split(address: string): { host: string; port: string } {
  const [port = ''] = /:\d+$/.exec(address) ?? [];
  const host = address.slice(0, address.length - port.length);
  return { host: host.replace(/^\[|\]$/g, ''), port };
}
