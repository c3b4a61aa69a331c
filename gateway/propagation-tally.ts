/**
 * How long changes took from their cause to this gateway's sockets, since it started: the total of the histogram
 * `presence.propagation.duration`, kept here too, for the console has it also where no telemetry is collected.
 */
import { METRICS } from '../lib/telemetry/names.ts';

export interface PropagationReading {
  /** Upper bounds of the counts, seconds; the last count is of what took longer than all. */
  readonly boundsSeconds: readonly number[];
  /** Messages of fanout, each once however many sockets it was for. */
  readonly counts: readonly number[];
}

export interface PropagationTally {
  add(ms: number): void;
  read(): PropagationReading;
}

export function createPropagationTally(): PropagationTally {
  const boundsSeconds = METRICS.propagation.bounds ?? [];
  const counts = Array.from({ length: boundsSeconds.length + 1 }, () => 0);
  return {
    add(ms) {
      const found = boundsSeconds.findIndex((bound) => ms <= bound * 1000);
      const bucket = found === -1 ? boundsSeconds.length : found;
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    },
    read: () => ({ boundsSeconds, counts: [...counts] }),
  };
}
