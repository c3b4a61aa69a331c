/** Settings of the store: part of the settings of every part that opens it. */
import { z } from 'zod';
import { wholeNumber } from '../lib/config.ts';

const EXAMPLE = 'redis://127.0.0.1:6379, several of a cluster separated by commas';

function redisUrls() {
  return z
    .string()
    .transform((text) => text.split(',').map((url) => url.trim()))
    .superRefine((urls, context) => {
      for (const url of urls) {
        const problem = problemOf(url);
        if (problem) context.addIssue({ code: 'custom', message: problem });
      }
    })
    .optional();
}

/** Passwords are in URLs: a problem names the server, never the whole URL. */
function problemOf(url: string): string | undefined {
  if (url === '') return `an address is empty; must be ${EXAMPLE}`;
  if (!URL.canParse(url)) return `not a URL; must be ${EXAMPLE}`;
  const { protocol, hostname, host, pathname } = new URL(url);
  if (protocol !== 'redis:' && protocol !== 'rediss:') {
    return `begins with "${protocol}"; must be redis: or, with TLS, rediss:`;
  }
  if (hostname === '') return `names no host; must be ${EXAMPLE}`;
  if (!['', '/', '/0'].includes(pathname)) {
    return `"${pathname}" of ${host} is not database 0, the only one a cluster has`;
  }
  return undefined;
}

export const storeSettings = {
  MESH_REDIS_URL: redisUrls().describe(
    'Redis: one URL for a single server, several of one cluster separated by commas; no default',
  ),
  MESH_SHARDS: wholeNumber(64, 1, 4_096).describe(
    'shards of the users; fixed for the life of a deployment',
  ),
  MESH_LEASE_TTL_MS: wholeNumber(30_000, 100, 3_600_000).describe(
    'how long a session lives after its last heartbeat, ms; several heartbeat intervals',
  ),
};
