/** What a figure is, how runs become one, and how a table is printed. */

export type Figure = {
  readonly name: string;
  /** The measured value: a ratio of two values of the same run, or a size. */
  readonly value: number;
  readonly unit: 'x' | 'ms' | 'MiB' | 'tokens';
  /** The bound that the value should keep; null when the value is only shown. */
  readonly goal: { readonly is: '<=' | '>='; readonly than: number } | null;
  /** What the value was made of, for a reader: `221 ms / 190 ms`. */
  readonly from: string;
};

export function met({ value, goal }: Figure): boolean | null {
  if (goal === null) return null;
  return goal.is === '<=' ? value <= goal.than : value >= goal.than;
}

/** The middle of the values; of an even number, the upper of the two middle ones. */
export function median(values: readonly number[]): number {
  const middle = [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
  if (middle === undefined) throw new Error('Nothing was measured.');
  return middle;
}

/** Milliseconds that the work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

export function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}

const columns = ['figure', 'value', 'goal', 'met', 'from'] as const;

export function table(figures: readonly Figure[]): string {
  const rows = [columns, ...figures.map(rowOf)];
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

function rowOf(figure: Figure): readonly string[] {
  const { name, value, unit, goal, from } = figure;
  const shown = unit === 'tokens' ? value.toFixed(0) : value.toFixed(unit === 'x' ? 2 : 1);
  const kept = met(figure);
  return [
    name,
    `${shown} ${unit}`,
    goal === null ? '' : `${goal.is} ${goal.than}`,
    kept === null ? '' : kept ? 'yes' : 'NO',
    from,
  ];
}
