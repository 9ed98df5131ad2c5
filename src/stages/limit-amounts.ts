import type { Used } from '../base/tokens.ts'
import type { Bucket, LimitSet } from '../limits/store.ts'

/** What a call counts for: whether as a request, its tokens (null: none), and its cost in nano-dollars. */
export interface Counted {
  readonly isCounted: boolean
  readonly used: Used | null
  readonly costNanoUsd: number
}

/** What a call takes before it goes out, in the order of the buckets. A rate's part is no more than the bucket holds: the rest is debt. */
export function takenAmounts({ buckets }: LimitSet, expected: Used | null, costNanoUsd: number): number[] {
  const amounts: number[] = []
  for (let k = 0; k < buckets.length; k++) {
    const { limit } = buckets[k]!
    const amount = limit.kind === 'requests' || limit.kind === 'concurrency' ? 1 : amountOf(buckets[k]!, expected, costNanoUsd)
    amounts.push('burst' in limit ? Math.min(amount, limit.burst) : amount)
  }
  return amounts
}

/** What a call really used, in the order of the buckets: its permit is given back, all else is what it is. */
export function usedAmounts({ buckets }: LimitSet, { isCounted, used, costNanoUsd }: Counted): number[] {
  return buckets.map((bucket) => (bucket.limit.kind === 'requests' ? (isCounted ? 1 : 0) : amountOf(bucket, used, costNanoUsd)))
}

function amountOf({ limit }: Bucket, used: Used | null, costNanoUsd: number): number {
  switch (limit.kind) {
    // Cache reads are free, as the API counts.
    case 'input_tokens':
      return used === null ? 0 : used.input + used.cacheWrite5m + used.cacheWrite1h
    case 'output_tokens':
      return used === null ? 0 : used.output
    case 'budget':
      return costNanoUsd
    case 'requests':
    case 'concurrency':
      return 0
  }
}
