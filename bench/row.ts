import { spread, type Interval } from './stats.ts';

/** One figure. `ok` is undefined where nothing is promised, `inconclusive` where the machine was too noisy to tell. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Against the yardstick or the smaller case. */
  readonly ratio?: number | undefined;
  /** 95 % interval of the ratio (of the value, where there is no ratio). */
  readonly interval?: Interval | undefined;
  /** As printed: `≥ 0.80`, `≤ 5`. */
  readonly bound?: string | undefined;
  readonly ok?: boolean | 'inconclusive' | undefined;
}

export interface Bound {
  readonly at: 'least' | 'most';
  readonly limit: number;
}

/** A bound is broken only when the whole interval is beyond it. */
export function judge(bound: Bound, [low, high]: Interval): Pick<Row, 'bound' | 'ok'> {
  return bound.at === 'least'
    ? { bound: `≥ ${String(bound.limit)}`, ok: high >= bound.limit }
    : { bound: `≤ ${String(bound.limit)}`, ok: low <= bound.limit };
}

/** Over this spread of its yardstick a figure says nothing about a bound. */
const tooNoisy = 0.15;

/** The verdict, unless the yardstick moved too much to have one. */
export function unlessNoisy(
  verdict: Pick<Row, 'bound' | 'ok'>,
  yardstick: readonly number[],
): Pick<Row, 'bound' | 'ok'> {
  return spread(yardstick) > tooNoisy ? { ...verdict, ok: 'inconclusive' } : verdict;
}

/** 0: kept; 1: a bound is broken; 2: the yardstick moved too much to tell. */
export function exitCode(rows: readonly Row[]): 0 | 1 | 2 {
  if (rows.some(({ ok }) => ok === false)) return 1;
  return rows.some(({ ok }) => ok === 'inconclusive') ? 2 : 0;
}

export function formatTable(rows: readonly Row[]): string {
  const header = ['', 'value', 'unit', 'ratio', '95 % interval', 'bound', ''];
  const cells = rows.map((row) => [
    row.name,
    figure(row.value),
    row.unit,
    row.ratio === undefined ? '' : row.ratio.toFixed(3),
    row.interval === undefined ? '' : row.interval.map((end) => figure(end)).join(' … '),
    row.bound ?? '',
    row.ok === undefined ? '' : row.ok === true ? 'ok' : row.ok === false ? 'BROKEN' : 'inconclusive',
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  return [header, ...cells]
    .map((line) =>
      line
        .map((cell, column) => pad(cell, widths[column] ?? 0, column))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function pad(cell: string, width: number, column: number): string {
  return column === 1 || column === 3 ? cell.padStart(width) : cell.padEnd(width);
}

function figure(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(3);
}
