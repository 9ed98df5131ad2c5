import { bucketOf, histogramSum } from './histogram.ts'

/** Adds to one number of a column; the worker whose column it is alone may. */
export function add(column: Float64Array, place: number, amount: number): void {
  column[place] = (column[place] ?? 0) + amount
}

/** Counts a duration in the histogram that begins at `histogram`. */
export function observe(column: Float64Array, histogram: number, ms: number): void {
  add(column, histogram + bucketOf(ms), 1)
  add(column, histogram + histogramSum, ms / 1000)
}
