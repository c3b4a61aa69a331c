import { Redis } from 'ioredis';

/** How often a Redis has run a command, whoever called it, scripts included. */
export async function countCalls(redisUrl: string, command: string): Promise<number> {
  const redis = new Redis(redisUrl);
  try {
    const stats = await redis.info('commandstats');
    const calls = new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1];
    return Number(calls ?? 0);
  } finally {
    redis.disconnect();
  }
}
