/** What a benchmark answers: one measured value, and beside it the limit measured in the same run. */
import { median } from './percentiles.ts';

export interface Result {
  /** `benchmark.what` or `benchmark.what.part`. */
  readonly name: string;
  /** Median of the samples. */
  readonly value: number;
  readonly unit: string;
  /** The same quantity of what it is compared with; null when there is nothing to compare with. */
  readonly baseline: number | null;
  /** value / baseline: machines differ, ratios less so. */
  readonly ratio: number | null;
  /** One a round. */
  readonly samples: readonly number[];
}

export interface ResultInput {
  readonly name: string;
  readonly unit: string;
  /** One a round, at least one. */
  readonly samples: readonly number[];
  /** One a round; none when there is nothing to compare with. */
  readonly baseline?: readonly number[];
}

export function toResult({ name, unit, samples, baseline }: ResultInput): Result {
  const value = median(samples);
  const limit = baseline && baseline.length > 0 ? median(baseline) : null;
  const ratio = limit === null || limit === 0 ? null : value / limit;
  return { name, value, unit, baseline: limit, ratio, samples };
}
