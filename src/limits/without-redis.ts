import type { LimitKind } from '../base/limit.ts'
import type { Cells } from './cells.ts'
import type { LeaseSpend } from './lease/spend.ts'
import type { MemoryStore } from './memory/memory-store.ts'
import type { Bucket, LimitSet, Verdict } from './store.ts'

/** How a bucket was passed while Redis could not be asked. */
export type Passed =
  /** Taken from this node's share. */
  | 'local'
  /** Let through by its policy. What it costs is counted all the same, and told to Redis when that is back. */
  | 'open'
  /** A dry run that would have refused. */
  | 'over'

/** Limits while Redis is away, each by its own policy. */
export interface WithoutRedis {
  /** How it passed, or the verdict on the call: `at` is the place of the bucket. */
  take(call: string, bucket: Bucket, amount: number): Passed | Exclude<Verdict, { is: 'taken' }>
  /** The end of what was taken here, in the same way. */
  settle(call: string, bucket: Bucket, how: Settled): void
}

/** How it was taken, and what came of it. */
export interface Settled {
  readonly passed: Passed
  readonly taken: number
  readonly used: number
}

/** The policies over this node's share in memory. */
export function withoutRedis(local: MemoryStore, cells: Cells, spends: Readonly<Record<LimitKind, LeaseSpend>>): WithoutRedis {
  const sets = new WeakMap<Bucket, LimitSet>()

  function only(bucket: Bucket): LimitSet {
    const known = sets.get(bucket)
    if (known !== undefined) return known
    const made = { buckets: [bucket], validUntil: Infinity }
    sets.set(bucket, made)
    return made
  }

  function takeLocal(call: string, bucket: Bucket, amount: number): ReturnType<WithoutRedis['take']> {
    const verdict = local.take(call, only(bucket), [amount])
    if (verdict.is !== 'taken') return verdict
    if (verdict.over.length === 0) return 'local'
    local.settle(call, only(bucket), [0], [0])
    return 'over'
  }

  return {
    take: (call, bucket, amount) => {
      const { away, dryRun, kind } = bucket.limit
      if (away === 'local') return takeLocal(call, bucket, amount)
      if (away === 'closed' && !dryRun) return { is: 'away', at: 0 }
      // Money on its way is seen, so that the cell stays this bucket's until it is spent.
      if (kind === 'budget') cells.hold(bucket.slot, amount)
      return 'open'
    },
    settle: (call, bucket, { passed, taken, used }) => {
      if (passed === 'local') local.settle(call, only(bucket), [taken], [used])
      else if (passed === 'open' && bucket.limit.kind === 'budget') spends.budget.settle(bucket.slot, taken, used)
    },
  }
}
