/** Settings of a real cluster's servers, also of one that joins. */
import { expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { systemClock as clock } from '../../lib/clock.ts';
import { createDisposer } from '../../lib/lifecycle.ts';
import { createPresence } from '../../presence/app.ts';
import { createRedisPresenceStore } from '../../store/redis-presence-store.ts';
import { eventually } from '../support/eventually.ts';
import { PATIENT } from '../support/presence-store.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';

test('a server that joins with a wrong setting is told of, once, and takes nobody out of service', async () => {
  await using disposer = createDisposer();
  const cluster = disposer.add(await startRedisCluster());
  const leaseTtlMs = 30_000;
  const store = disposer.add(
    createRedisPresenceStore({ urls: cluster.urls, shardCount: 8, leaseTtlMs, clock, ...PATIENT }),
  );
  const lines: string[] = [];
  const logger = pino({}, { write: (line) => void lines.push(line) });
  const presence = disposer.add(
    createPresence({ clock, logger, store, leaseTtlMs, closeGraceMs: 5000 }),
  );
  await eventually(() => presence.readiness.isReady());
  const told: string[] = [];
  const { readiness } = presence;
  disposer.defer(readiness.watch(() => told.push(...readiness.problems())));

  const { port, url } = await cluster.addReplica({ 'notify-keyspace-events': '' });
  const problem = `127.0.0.1:${port}: notify-keyspace-events is`;
  await eventually(() => expect(lines.join('')).toContain(problem));
  expect(lines.join('')).toContain(`redis-cli -h 127.0.0.1 -p ${port} CONFIG SET`);
  const admin = new Redis(url);
  await admin.config('SET', 'notify-keyspace-events', 'Ex');
  admin.disconnect();
  await eventually(() => expect(lines.join('')).toContain('Redis is set up as it must be'));
  expect(lines.filter((line) => line.includes(problem))).toHaveLength(1);
  expect(told.join()).not.toContain('settings');
}, 240_000);
