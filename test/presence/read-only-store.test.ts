/** A Redis that answers and takes no changes: presence says so, once, and until it does again. */
import { expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { systemClock as clock } from '../../lib/clock.ts';
import { createDisposer } from '../../lib/lifecycle.ts';
import { createPresence } from '../../presence/app.ts';
import { createRedisPresenceStore } from '../../store/redis-presence-store.ts';
import { eventually } from '../support/eventually.ts';
import { choose, PATIENT } from '../support/presence-store.ts';
import { startRedis } from '../support/redis.ts';

const LEASE_MS = 30_000;
const PATIENCE = { timeoutMs: 60_000 };

test.each([
  [
    'without memory',
    ['CONFIG', 'SET', 'maxmemory', '1'],
    ['CONFIG', 'SET', 'maxmemory', '0'],
    'OOM',
  ],
  [
    'without replicas that it must have',
    ['CONFIG', 'SET', 'min-replicas-to-write', '3'],
    ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
    'NOREPLICAS',
  ],
  ['that is a replica', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE'], 'READONLY'],
])(
  'a Redis %s',
  async (_name, [spoil = '', ...spoiled], [mend = '', ...mended], word) => {
    await using disposer = createDisposer();
    const redis = disposer.add(await startRedis());
    const admin = new Redis(redis.url);
    disposer.defer(() => admin.disconnect());
    const store = disposer.add(
      createRedisPresenceStore({
        ...{ urls: [redis.url], shardCount: 4, leaseTtlMs: LEASE_MS, holdMs: 100, clock },
        ...PATIENT,
      }),
    );
    const lines: string[] = [];
    const logger = pino({}, { write: (line) => void lines.push(line) });
    const { readiness } = disposer.add(
      createPresence({ clock, logger, store, leaseTtlMs: LEASE_MS, closeGraceMs: 5_000 }),
    );
    await eventually(() => readiness.isReady(), PATIENCE);

    await admin.call(spoil, ...spoiled);
    await eventually(() => expect(readiness.problems().join()).toContain(word), PATIENCE);
    expect(readiness.problems().join()).toContain(`redis: Redis at 127.0.0.1:${redis.port}: `);
    expect(readiness.problems().join()).not.toContain('script');
    await expect(store.change(choose('ann', 'BUSY'))).rejects.toThrow('Redis at');

    await admin.call(mend, ...mended);
    await eventually(() => readiness.isReady(), PATIENCE);
    await store.change(choose('ann', 'BUSY'));
    const told = lines.filter((line) => line.includes('the store takes'));
    expect(told).toHaveLength(2);
    expect(told[0]).toContain('takes no changes');
    expect(told[1]).toContain('takes changes again');
  },
  240_000,
);
