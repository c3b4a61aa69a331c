/** Rounds of a running load: how much happened, and what it cost each part. */
import type { Clock } from '../../lib/clock.ts';
import { readCpu, type CpuMs, type Parts } from './process-cpu.ts';

export interface Round {
  readonly elapsedMs: number;
  readonly events: number;
  readonly cpuMs: CpuMs;
}

export interface RoundsOptions {
  readonly clock: Clock;
  readonly rounds: number;
  readonly roundMs: number;
  readonly parts: Parts;
  /** Events so far. */
  readonly count: () => Promise<number>;
}

export async function measureRounds(options: RoundsOptions): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  for (let i = 0; i < options.rounds; i++) rounds.push(await measureRound(options));
  return rounds;
}

async function measureRound({ clock, roundMs, parts, count }: RoundsOptions): Promise<Round> {
  const before = { events: await count(), cpu: readCpu(parts), at: clock.monotonic() };
  await clock.sleep(roundMs);
  const after = { events: await count(), cpu: readCpu(parts), at: clock.monotonic() };
  const spent = Object.entries(after.cpu).map(([part, ms]) => [part, ms - before.cpu[part]!]);
  return {
    elapsedMs: after.at - before.at,
    events: after.events - before.events,
    cpuMs: Object.fromEntries(spent) as CpuMs,
  };
}

/** What the parts take while nothing is asked of them: ms of CPU a ms. */
export type Idle = CpuMs;

/** Code is compiled and garbage collected for a while after something has happened. */
const SETTLE_MS = 5_000;

export async function measureIdle(
  options: Pick<RoundsOptions, 'clock' | 'parts'> & { readonly forMs: number },
): Promise<Idle> {
  await options.clock.sleep(SETTLE_MS);
  const count = (): Promise<number> => Promise.resolve(0);
  const { elapsedMs, cpuMs } = await measureRound({
    ...options,
    rounds: 1,
    roundMs: options.forMs,
    count,
  });
  return Object.fromEntries(Object.entries(cpuMs).map(([part, ms]) => [part, ms / elapsedMs]));
}

/** CPU µs of one part an event, one value a round. With `idle`, only what exceeds it. */
export function cpuPerEvent(rounds: readonly Round[], part: string, idle: Idle = {}): number[] {
  return rounds.map(({ elapsedMs, events, cpuMs }) => {
    const ms = (cpuMs[part] ?? 0) - (idle[part] ?? 0) * elapsedMs;
    return (1000 * ms) / events;
  });
}

/** Adds samples of the same rounds. */
export function sumOf(...samples: readonly (readonly number[])[]): number[] {
  const [first = [], ...others] = samples;
  return first.map((value, i) => others.reduce((sum, other) => sum + other[i]!, value));
}
