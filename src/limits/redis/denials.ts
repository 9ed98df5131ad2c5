import type { Limit } from '../../base/limit.ts'
import type { LimitSet, Refused } from '../store.ts'
import type { Part } from './taking.ts'
import { kept } from './kept.ts'

/**
 * What Redis has refused, so that the next call need not ask: until the time to retry the answer would be the same. It is of the amount
 * that was refused: a smaller one may fit. No denial is believed for longer than ten seconds, as another node may give back what it had
 * reserved; nor for longer than 20 ms where calls that end make room at any time.
 */
export interface Denials {
  /** Notes the buckets of a refused take that were not enough. */
  note(parts: readonly Part[]): void
  /** The refusal that is known already; null: ask. */
  find(set: LimitSet, amounts: readonly number[]): Refused | null
  /** Something was taken from these buckets, or went back. */
  forget(keys: readonly string[]): void
}

interface Denial {
  /** A limit that was changed is another object: nothing is known of it. */
  readonly limit: Limit
  readonly amount: number
  readonly why: Refused['why']
  readonly believedUntil: number
  /** Infinity: never. */
  readonly retryAt: number
}

/** Denials by bucket, the latest 10,000; `nowMs` only ever grows. */
export function denials({ nowMs, most = 10_000 }: { readonly nowMs: () => number; readonly most?: number }): Denials {
  const known = kept<Denial>(most)

  return {
    note: (parts) => {
      const now = nowMs()
      for (const { want, waitMs, why } of parts) {
        if (why === 'fits' || want.bucket.limit.dryRun) continue
        const waits = waitMs < 0 ? Infinity : waitMs
        const believed = Math.min(waits, why === 'rate' || why === 'spent' ? 10_000 : 20)
        const denial = { limit: want.bucket.limit, amount: want.least, why, believedUntil: now + believed, retryAt: now + waits }
        known.set(want.bucket.key, denial)
      }
    },
    find: (set, amounts) => {
      const now = nowMs()
      let refused: Refused | null = null
      let longest = 0
      for (const [at, bucket] of set.buckets.entries()) {
        const denial = known.get(bucket.key)
        const amount = amounts[at] ?? 0
        if (denial === undefined || denial.limit !== bucket.limit || denial.believedUntil <= now || !covers(denial, amount)) continue
        const waits = Math.ceil(denial.retryAt - now + extraMs(denial, amount))
        if (waits <= longest) continue
        longest = waits
        refused = { is: 'refused', at, why: denial.why, retryAfterMs: waits === Infinity ? -1 : waits }
      }
      return refused
    },
    forget: (keys) => {
      for (const key of keys) known.delete(key)
    },
  }
}

/** Where calls hold the money, a larger amount may be one that is not even there without them. */
function covers({ why, amount: refused }: Denial, amount: number): boolean {
  return why === 'held' ? amount === refused : amount >= refused
}

/** A larger amount than the one that was refused waits for longer; one that is larger than the bucket, for ever. */
function extraMs({ limit, amount: refused }: Denial, amount: number): number {
  if (limit.kind === 'concurrency') return amount > limit.most ? Infinity : 0
  if (limit.kind === 'budget') return amount > limit.nanoUsd ? Infinity : 0
  return amount > limit.burst ? Infinity : ((amount - refused) * limit.periodMs) / limit.count
}
