/** Results for people: a table, and the machine they were measured on. */
import { cpus, loadavg } from 'node:os';
import type { Result } from './result.ts';

const COLUMNS = ['', 'value', 'unit', 'baseline', 'ratio', 'rounds from … to'] as const;

export function formatTable(results: readonly Result[]): string {
  const rows = [COLUMNS, ...results.map(toRow)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => pad(cell, widths[column]!, column))
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}

export function describeMachine(): string {
  const cores = cpus();
  return `${cores.length} cores, ${cores[0]?.model.trim() ?? 'unknown CPU'}, Node ${process.version}`;
}

/** What else the machine was doing: figures taken while others work on the same cores are worth little. */
export function describeLoad(): string {
  return `load average ${loadavg()[0]!.toFixed(1)}`;
}

function toRow({ name, value, unit, baseline, ratio, samples }: Result): readonly string[] {
  return [
    name,
    formatNumber(value),
    unit,
    baseline === null ? '' : formatNumber(baseline),
    ratio === null ? '' : `${formatNumber(ratio)} ×`,
    `${formatNumber(Math.min(...samples))} … ${formatNumber(Math.max(...samples))}`,
  ];
}

/** Names and units read from the left, numbers from the right. */
function pad(cell: string, width: number, column: number): string {
  return column === 0 || column === 2 ? cell.padEnd(width) : cell.padStart(width);
}

/** Three digits that matter. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const decimals = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', {
    minimumFractionDigits: Number.isInteger(value) ? 0 : decimals,
    maximumFractionDigits: decimals,
  });
}
