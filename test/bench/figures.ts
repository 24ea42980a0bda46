/** Samples to figures: pure. */

export interface Measurement {
  name: string;
  /** Name of what it is compared with. */
  baseline: string;
  /** Milliseconds. */
  samples: number[];
  /** The baseline's samples; its own without. */
  against?: number[];
}

export interface Figure {
  name: string;
  value: number;
  unit: 'ms' | 'MB/s';
  baseline: string;
  baselineValue: number;
  ratio: number;
  n: number;
  p50: number;
  p99: number;
}

/** The nearest-rank percentile. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** Three significant digits: more than the noise of any machine lets stand. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** Median, tail and ratio of one measurement. Of speeds the tail is the slow end, of times the long one. */
export function figure(
  name: string,
  unit: Figure['unit'],
  samples: readonly number[],
  baseline: string,
  baselineValue: number,
): Figure {
  const p50 = percentile(samples, 50);
  return {
    name,
    value: rounded(p50),
    unit,
    baseline,
    baselineValue: rounded(baselineValue),
    ratio: rounded(p50 / baselineValue),
    n: samples.length,
    p50: rounded(p50),
    p99: rounded(percentile(samples, unit === 'MB/s' ? 1 : 99)),
  };
}

/** The figure of times in ms. */
export function summary({ name, baseline, samples, against = samples }: Measurement): Figure {
  return figure(name, 'ms', samples, baseline, percentile(against, 50));
}

/** A table for people. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, n, p50, p99, unit, baseline, ratio }) => [
    name,
    String(n),
    `${p50} ${unit}`,
    `${p99} ${unit}`,
    `${ratio} × ${baseline}`,
  ]);
  const all = [['what', 'n', 'p50', 'p99', 'ratio'], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n');
}
