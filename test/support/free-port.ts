import { once } from 'node:events';
import { createServer } from 'node:net';
import { systemClock } from '../../lib/clock.ts';

/**
 * Below 32768, where Linux begins to draw ports for connections and for whoever asks for any: one of those may be
 * taken again before its server listens. Above the usual ports of servers, and those of fixed ones in tests.
 */
const LOWEST = 16_000;
const HIGHEST = 32_000;
/** Jest's workers draw from ports of their own: what one was given and does not listen on yet is free to the others. */
const WORKERS = 32;
const WORKER = Number(process.env['JEST_WORKER_ID'] ?? 0) % WORKERS;
const given = new Set<number>();

/** A TCP port of 127.0.0.1 that nobody listened on a moment ago, nobody was given, and nobody gets by chance. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port =
      LOWEST + WORKERS * Math.floor((systemClock.random() * (HIGHEST - LOWEST)) / WORKERS) + WORKER;
    if (given.has(port)) continue;
    given.add(port);
    if (await canListen(port)) return port;
  }
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
