/** Rounds of a running load: how much happened, and what it cost each part. */
import type { Clock } from '../../lib/clock.ts';
import { cpuMsOf, machineCpuMs, readCpu, type CpuMs, type Parts } from './process-cpu.ts';

/** What so many events took. */
export interface Cost {
  readonly elapsedMs: number;
  readonly events: number;
  readonly cpuMs: CpuMs;
}

export interface Round extends Cost {
  /** What the machine did besides the parts and the load: strangers, who make every figure worse. */
  readonly othersMs: number;
}

export interface RoundsOptions {
  readonly clock: Clock;
  readonly rounds: number;
  readonly roundMs: number;
  readonly parts: Parts;
  /** Of the load, which is nobody's part; a stranger unless given. */
  readonly loadPid?: number;
  /** Events so far. */
  readonly count: () => Promise<number>;
}

export async function measureRounds(options: RoundsOptions): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  for (let i = 0; i < options.rounds; i++) rounds.push(await measureRound(options));
  return rounds;
}

async function measureRound({
  clock,
  roundMs,
  parts,
  loadPid,
  count,
}: RoundsOptions): Promise<Round> {
  const read = async () => ({
    events: await count(),
    cpu: readCpu(parts),
    load: loadPid === undefined ? 0 : cpuMsOf(loadPid),
    machine: machineCpuMs(),
    at: clock.monotonic(),
  });
  const before = await read();
  await clock.sleep(roundMs);
  const after = await read();
  const spent = Object.entries(after.cpu).map(([part, ms]) => [part, ms - before.cpu[part]!]);
  const cpuMs = Object.fromEntries(spent) as CpuMs;
  const ownMs = Object.values(cpuMs).reduce((sum, ms) => sum + ms, after.load - before.load);
  return {
    elapsedMs: after.at - before.at,
    events: after.events - before.events,
    cpuMs,
    othersMs: after.machine - before.machine - ownMs,
  };
}

/** Cores that strangers used, one value a round. */
export function othersOf(rounds: readonly Round[]): number[] {
  return rounds.map(({ othersMs, elapsedMs }) => othersMs / elapsedMs);
}

/** What the parts take while nothing is asked of them: ms of CPU a ms. */
export type Idle = CpuMs;

/** Code is compiled and garbage collected for a while after something has happened. */
const SETTLE_MS = 5_000;

export async function measureIdle(
  options: Pick<RoundsOptions, 'clock' | 'parts'> & { readonly forMs: number },
): Promise<Idle> {
  const { clock, parts, forMs } = options;
  await clock.sleep(SETTLE_MS);
  const before = { cpu: readCpu(parts), at: clock.monotonic() };
  await clock.sleep(forMs);
  const after = { cpu: readCpu(parts), at: clock.monotonic() };
  const share = ([part, ms]: [string, number]): [string, number] => [
    part,
    (ms - before.cpu[part]!) / (after.at - before.at),
  ];
  return Object.fromEntries(Object.entries(after.cpu).map(share));
}

/** CPU µs of one part an event, one value a round. With `idle`, only what exceeds it. */
export function cpuPerEvent(rounds: readonly Cost[], part: string, idle: Idle = {}): number[] {
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
