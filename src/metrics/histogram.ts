/** Upper bounds of the buckets in seconds, for calls of half a millisecond up to ten minutes; beyond stands one more bucket. */
export const bucketBounds: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
]

/** Numbers that one histogram takes: a count for each bucket, one for what lies beyond, and the sum in seconds. */
export const histogramWidth = bucketBounds.length + 2

/** Offset of the sum in a histogram. */
export const histogramSum = histogramWidth - 1

const boundsMs = Float64Array.from(bucketBounds, (seconds) => seconds * 1000)

/** The bucket that a duration falls in: the first whose bound it does not exceed. */
export function bucketOf(ms: number): number {
  let bucket = 0
  while (bucket < boundsMs.length && ms > (boundsMs[bucket] ?? 0)) bucket += 1
  return bucket
}

/** A histogram as a scrape sees it: counts are cumulative, the last is the number of all. */
export interface HistogramReading {
  readonly cumulative: readonly number[]
  readonly sum: number
  readonly count: number
}

/** Reads a histogram that starts at `at`. */
export function readHistogram(numbers: Float64Array, at: number): HistogramReading {
  const cumulative: number[] = []
  let count = 0
  for (let bucket = 0; bucket <= bucketBounds.length; bucket += 1) {
    count += numbers[at + bucket] ?? 0
    cumulative.push(count)
  }
  return { cumulative, sum: numbers[at + histogramSum] ?? 0, count }
}
