/** A private Redis for a test: up in about 50 ms. */
import { Redis } from 'ioredis';
import { redisServer } from '../../cli/stack/redis.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { startServer, type TestServer } from './server.ts';

export interface TestRedis extends TestServer {
  readonly port: number;
  readonly url: string;
}

export interface StartRedisOptions {
  /** Lines of redis.conf on top of the settings the store asks for: `{ 'cluster-enabled': 'yes' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export async function startRedis({ settings = {} }: StartRedisOptions = {}): Promise<TestRedis> {
  const port = await freePort();
  const server = await startServer('redis', (dir) => redisServer({ dir, port, settings }));
  return { ...server, port, url: `redis://127.0.0.1:${port}` };
}

/**
 * Resolves when what was answered before is in the file: Redis puts writing off while the disk is slow, and what it has
 * not written is lost with its process.
 */
export async function untilWritten({ url }: Pick<TestRedis, 'url'>): Promise<void> {
  const admin = new Redis(url);
  try {
    await eventually(async () => /^aof_buffer_length:0\r$/m.test(await admin.info('persistence')));
  } finally {
    admin.disconnect();
  }
}
