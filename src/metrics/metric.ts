import { bucketBounds, type HistogramReading } from './histogram.ts'
import type { Numbers } from './numbers.ts'

/** One metric: what Prometheus is told of it, and how its samples are read when somebody asks. */
export interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  readonly read: (scrape: Scrape) => readonly Sample[]
}

/** One line of the exposition; `suffix` stands behind a histogram's name. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly suffix?: '_bucket' | '_sum' | '_count'
}

/** What one scrape reads from: all of it is of one moment. */
export interface Scrape {
  readonly numbers: Numbers
  /** Sums over the workers, in the places of the layout. */
  readonly sums: Float64Array
  readonly control: ControlFacts
}

/** What control knows and no worker does. */
export interface ControlFacts {
  readonly version: string
  readonly configVersion: number
  readonly lastReloadSuccessful: boolean
  readonly workers: number
  readonly workerRestarts: number
  readonly drainPhase: DrainPhase
  /** By the main thread's own log. */
  readonly logLinesDropped: number
  /** Absent where limits are kept in this process alone. */
  readonly redis?: RedisFacts
}

/** What control knows of the Redis that limits are kept in. */
export interface RedisFacts {
  readonly isAway: boolean
  readonly timesAway: number
  /** Commands that control sent; those of the workers stand in their columns. */
  readonly roundTrips: number
  /** Blocks that were taken to be spent here. */
  readonly leases: number
}

/** Where a relay stands between its start and its end. */
export type DrainPhase = 'serving' | 'closing' | 'draining' | 'drained'

/** All phases, in their order. */
export const drainPhases: readonly DrainPhase[] = ['serving', 'closing', 'draining', 'drained']

/** A metric that has no labels and one value. */
export function single(value: number): readonly Sample[] {
  return [{ labels: {}, value }]
}

/** The lines of one histogram. */
export function histogramSamples(labels: Readonly<Record<string, string>>, reading: HistogramReading): readonly Sample[] {
  const buckets = reading.cumulative.map((value, index): Sample => {
    const bound = bucketBounds[index]
    return { suffix: '_bucket', labels: { ...labels, le: bound === undefined ? '+Inf' : String(bound) }, value }
  })
  return [...buckets, { suffix: '_sum', labels, value: reading.sum }, { suffix: '_count', labels, value: reading.count }]
}
