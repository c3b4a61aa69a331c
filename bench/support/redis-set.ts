/** `redis-benchmark -P 64` with the seed's SET: the least Redis can spend on a heartbeat. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Clock } from '../../lib/clock.ts';
import { readCpu } from './process-cpu.ts';
import type { Cost } from './rounds.ts';

export interface RedisSetOptions {
  readonly clock: Clock;
  readonly port: number;
  readonly pid: number;
  readonly rounds: number;
  /** Keys the commands are spread over. */
  readonly users: number;
}

const REQUESTS = 1_000_000;

/** One round of warming up and then `rounds` of them; the only part is `redis`. */
export async function measureRedisSet(options: RedisSetOptions): Promise<readonly Cost[]> {
  const rounds: Cost[] = [];
  await measureOnce(options);
  for (let i = 0; i < options.rounds; i++) rounds.push(await measureOnce(options));
  return rounds;
}

async function measureOnce({ clock, port, pid, users }: RedisSetOptions): Promise<Cost> {
  const parts = { redis: [pid] };
  const before = { cpu: readCpu(parts), at: clock.monotonic() };
  await runBenchmark(port, users);
  const redis = readCpu(parts)['redis']! - before.cpu['redis']!;
  return { elapsedMs: clock.monotonic() - before.at, events: REQUESTS, cpuMs: { redis } };
}

async function runBenchmark(port: number, users: number): Promise<void> {
  const options = ['-p', port, '-P', 64, '-n', REQUESTS, '-r', users, '-q'].map(String);
  const command = ['SET', 'user:__rand_int__:presence', 'Online', 'EX', '30'];
  const child = spawn('redis-benchmark', [...options, ...command], { stdio: 'ignore' });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`redis-benchmark ended with ${String(code)}`);
}
