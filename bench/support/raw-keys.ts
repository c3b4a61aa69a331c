/** The seed as it reads literally: a key with a TTL a user, and whoever listens for Redis to say that it expired. */
import { Redis } from 'ioredis';
import type { Clock } from '../../lib/clock.ts';
import { inBatches } from './in-batches.ts';

export interface RawKeys extends AsyncDisposable {
  addLive(count: number): Promise<void>;
  /** Keys that expire from `fromMs` after now, evenly, for `overMs`. @returns deadlines by key. */
  addExpiring(round: Round): Promise<ReadonlyMap<string, number>>;
  /** When the expiry of each key was heard, ms since the epoch. */
  readonly heard: ReadonlyMap<string, number>;
  /** CONFIG SET. */
  configure(setting: string, value: string): Promise<void>;
  remove(keys: readonly string[]): Promise<void>;
}

interface Round {
  readonly round: string;
  readonly users: number;
  readonly fromMs: number;
  readonly overMs: number;
}

const IN_FLIGHT = 5000;
const LIVE_MS = 3_600_000;

export async function openRawKeys(url: string, clock: Clock): Promise<RawKeys> {
  const redis = new Redis(url);
  const listener = new Redis(url);
  const heard = new Map<string, number>();
  await listener.psubscribe('__keyevent@*__:expired');
  listener.on('pmessage', (_pattern, _channel, key) => heard.set(key, clock.now()));
  const set = async (key: string, ms: number): Promise<void> => {
    await redis.set(key, 'Online', 'PX', Math.max(1, Math.round(ms)));
  };
  return {
    heard,
    addLive: (count) => inBatches(count, IN_FLIGHT, (i) => set(`user:live-${i}:presence`, LIVE_MS)),
    async addExpiring({ round, users, fromMs, overMs }) {
      const deadlines = new Map<string, number>();
      await inBatches(users, IN_FLIGHT, async (i) => {
        const key = `user:${round}-${i}:presence`;
        await set(key, fromMs + (overMs * i) / users);
        deadlines.set(key, await redis.pexpiretime(key));
      });
      return deadlines;
    },
    configure: async (setting, value) => {
      await redis.config('SET', setting, value);
    },
    remove: async (keys) => {
      await redis.del(...keys);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([redis.quit(), listener.quit()]);
    },
  };
}
