/**
 * CPU time of processes, all their threads, user and kernel, from /proc/<pid>/stat: Linux only. The kernel derives
 * it from nanosecond accounting and shows it in ticks of 10 ms (USER_HZ is 100 on every architecture), so measure
 * over seconds.
 */
import { readdirSync, readFileSync } from 'node:fs';

const MS_A_TICK = 10;
/** After the command's name in parentheses: utime and stime are fields 14 and 15 of the line. */
const UTIME = 11;
const STIME = 12;

/** Processes by the part they are counted as: `{ gateway: [101, 102], redis: [103] }`. */
export type Parts = Readonly<Record<string, readonly number[]>>;
export type CpuMs = Readonly<Record<string, number>>;

export function readCpu(parts: Parts): CpuMs {
  const read = ([part, pids]: [string, readonly number[]]): [string, number] => [
    part,
    pids.reduce((sum, pid) => sum + cpuMsOf(pid), 0),
  ];
  return Object.fromEntries(Object.entries(parts).map(read));
}

export function cpuMsOf(pid: number): number {
  return parseStat(readStat(pid)) * MS_A_TICK;
}

/**
 * The same by the nanosecond, for rounds of a second or two, summed over the threads that live: only of a process whose
 * threads stay, as Node's do.
 */
export function exactCpuMsOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = threads.map((thread) => parseSchedstat(pid, thread));
  return ns.reduce((sum, one) => sum + one, 0) / 1_000_000;
}

function parseSchedstat(pid: number, thread: string): number {
  return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
}

/** CPU time of the whole machine, whoever used it; not what the hypervisor took. */
export function machineCpuMs(): number {
  const [first = ''] = readFileSync('/proc/stat', 'latin1').split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = first
    .replace(/^cpu +/, '')
    .split(' ')
    .map(Number);
  return (user + nice + system + irq + softIrq) * MS_A_TICK;
}

function readStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (cause) {
    throw new Error(`no /proc/${pid}/stat: the process has ended, or this is not Linux`, { cause });
  }
}

/** utime + stime in ticks. A command's name may hold spaces and parentheses: fields are counted after the last one. */
export function parseStat(line: string): number {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return Number(fields[UTIME]) + Number(fields[STIME]);
}
