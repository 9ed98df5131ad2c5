import { median } from './numbers.ts'

/** What a section found: printed for people, and kept for `--json`. */
export interface Finding {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly notes: readonly string[]
}

/** One measurement: what was measured, in which round, and the numbers. */
export interface Sample {
  readonly section: string
  /** What was asked of it: a shape of call, a number of connections. */
  readonly shape: string
  readonly name: string
  readonly round: number
  readonly values: Readonly<Record<string, number>>
}

/** Where sections put what they measure; a trouble makes the whole run fail. */
export interface Report {
  add(sample: Sample): void
  /** Something lost, refused or broken: the figures beside it are worth nothing. */
  trouble(text: string): void
  say(text: string): void
}

/** Samples by shape and name, and the medians over their rounds. */
export class Samples {
  private readonly all: Sample[] = []
  private readonly report: Report

  constructor(report: Report) {
    this.report = report
  }

  add(sample: Sample): void {
    this.all.push(sample)
    this.report.add(sample)
  }

  /** The median over the rounds. */
  value(shape: string, name: string, key: string): number {
    return median(this.of(shape, name).map((sample) => sample.values[key] ?? NaN))
  }

  /** Median of the ratios to another in the same round. */
  ratio(shape: string, [name, other]: readonly [string, string], key: string): number {
    return this.paired(shape, [name, other], (mine, theirs) => (mine.values[key] ?? NaN) / (theirs.values[key] ?? NaN))
  }

  /** Median of the differences to another in the same round. */
  difference(shape: string, [name, other]: readonly [string, string], key: string): number {
    return this.paired(shape, [name, other], (mine, theirs) => (mine.values[key] ?? NaN) - (theirs.values[key] ?? NaN))
  }

  sum(shape: string, name: string, key: string): number {
    return this.of(shape, name).reduce((sum, sample) => sum + (sample.values[key] ?? 0), 0)
  }

  private of(shape: string, name: string): readonly Sample[] {
    return this.all.filter((sample) => sample.shape === shape && sample.name === name)
  }

  private paired(shape: string, [name, other]: readonly [string, string], of: (mine: Sample, theirs: Sample) => number): number {
    const others = new Map(this.of(shape, other).map((sample) => [sample.round, sample]))
    const pairs = this.of(shape, name).flatMap((mine) => {
      const theirs = others.get(mine.round)
      return theirs === undefined ? [] : [of(mine, theirs)]
    })
    return median(pairs)
  }
}

/** A number for a table; a dash where there is none. */
export function shown(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : '–'
}

/** A goal beside its figure. */
export function goal(text: string, value: number, isMet: boolean): string {
  return Number.isFinite(value) ? `${text} ${isMet ? '✓' : '✗ missed'}` : text
}

/** A finding as Markdown with columns that line up on a terminal. */
export function tableText({ title, columns, rows, notes }: Finding): string {
  const widths = columns.map((column, k) => Math.max(column.length, ...rows.map((row) => (row[k] ?? '').length)))
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, k) => (k === 0 ? (cells[k] ?? '').padEnd(width) : (cells[k] ?? '').padStart(width))).join(' | ')} |`
  const rule = `| ${widths.map((width, k) => (k === 0 ? '-'.repeat(width) : `${'-'.repeat(Math.max(1, width - 1))}:`)).join(' | ')} |`
  return ['', `### ${title}`, '', line(columns), rule, ...rows.map(line), ...notes.flatMap((note) => ['', note]), ''].join('\n')
}
