/** Redis with the settings the store asks for (store checks them at start and says how to mend them). */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { probeTcp } from './probes.ts';
import type { ServerSpec } from './server.ts';
import { installByApt, requireTools, type RunContext } from './tools.ts';

const SETTINGS: Readonly<Record<string, string>> = {
  bind: '127.0.0.1',
  'maxmemory-policy': 'noeviction',
  appendonly: 'yes',
  appendfsync: 'everysec',
  save: '',
  'notify-keyspace-events': 'Ex',
  'hash-max-listpack-value': '256',
  daemonize: 'no',
  // A process list then shows whose it is.
  'set-proc-title': 'no',
};

/** Any redis-server on PATH will do; without one, apt gets it if we may. */
export async function installRedis(context: RunContext): Promise<void> {
  await installByApt('redis-server', context);
  requireTools('Redis', 'redis-server');
}

export interface RedisOptions {
  readonly dir: string;
  readonly port: number;
  /** Lines of redis.conf that replace or add to ours: `{ 'cluster-enabled': 'yes' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export function redisServer({ dir, port, settings }: RedisOptions): ServerSpec {
  const data = join(dir, 'data');
  const all = { ...SETTINGS, port: String(port), dir: data, ...settings };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  return {
    name: 'redis',
    address: `127.0.0.1:${port}`,
    ports: [port],
    env: { MESH_REDIS_URL: `redis://127.0.0.1:${port}` },
    dir,
    prepare: async () => {
      await mkdir(data, { recursive: true });
    },
    processes: [
      {
        name: 'redis',
        command: 'redis-server',
        args,
        probe: () => probeTcp(port, 'PING\r\n', '+PONG'),
      },
    ],
  };
}
