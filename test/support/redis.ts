/** A private Redis for a test: up in about 50 ms. */
import { redisServer } from '../../cli/stack/redis.ts';
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
