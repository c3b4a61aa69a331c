import type { Clock } from '../../lib/clock.ts';
import type { Result } from './result.ts';

export interface BenchmarkContext {
  readonly clock: Clock;
  /** Tells the person waiting what is being done, one line at a time. */
  readonly say: (line: string) => void;
}

/** One file each: warms up, measures its baseline in the same run, takes several rounds, leaves nothing behind. */
export interface Benchmark {
  readonly name: string;
  /** One line for `--list`. */
  readonly about: string;
  readonly run: (context: BenchmarkContext) => Promise<readonly Result[]>;
}
