import type { LimitKind } from '../../base/limit.ts'
import { Word, type Cells } from '../cells.ts'
import type { Clock } from '../clock.ts'
import type { LimitSet, LimitStore, Refused, Verdict } from '../store.ts'
import { budgets } from './budgets.ts'
import { concurrency } from './concurrency.ts'
import type { Kind, KindParts, Refusal } from './kind.ts'
import { openCalls } from './open-calls.ts'
import { rates } from './rates.ts'

/** The store in shared memory: it never waits, so neither do its answers. */
export interface MemoryStore extends LimitStore {
  take(call: string, set: LimitSet, amounts: readonly number[]): Verdict
}

/** What the store needs beside its cells. */
export interface MemoryStoreOptions {
  readonly clock: Clock
  /** Each limit is divided by this: the nodes that share it while nothing counts for all of them. */
  readonly nodes?: () => number
}

/**
 * Spends the buckets of all workers where they stand, without a lock: never more than a limit lets through, whatever runs beside it.
 * Buckets are taken one after the other and given back when one refuses; while that happens, another call may be refused for it.
 */
export function memoryStore(cells: Cells, { clock, nodes = () => 1 }: MemoryStoreOptions): MemoryStore {
  const kinds = kindsOf({ cells, clock, nodes })
  const open = openCalls()

  /** The buckets of dry runs that would have refused, or the refusal of one that is none. */
  function takeAll({ buckets }: LimitSet, amounts: readonly number[], now: number): readonly number[] | Found {
    let over: number[] | null = null
    for (let at = 0; at < buckets.length; at += 1) {
      const bucket = buckets[at]
      if (bucket === undefined) continue
      if (now - cells.read(bucket.slot, Word.usedAt) > usedAtStepUs) cells.write(bucket.slot, Word.usedAt, now)
      const refusal = kinds[bucket.limit.kind].take(bucket, amounts[at] ?? 0, now)
      if (refusal === null) continue
      if (!bucket.limit.dryRun) return { at, refusal, over: over ?? none, now }
      over ??= []
      over.push(at)
    }
    return over ?? none
  }

  return {
    take: (call, set, amounts) => {
      const { buckets } = set
      if (buckets.length === 0) return taken
      const result = takeAll(set, amounts, clock.us())
      if ('refusal' in result) return refuse(kinds, set, { ...result, amounts })
      for (let at = 0; at < buckets.length; at += 1) {
        const bucket = buckets[at]
        if (bucket !== undefined) kinds[bucket.limit.kind].begin(bucket)
      }
      open.add(call)
      return result.length === 0 ? taken : { is: 'taken', over: result }
    },
    settle: (call, { buckets }, amounts, used) => {
      if (buckets.length === 0 || !open.remove(call)) return
      for (let at = 0; at < buckets.length; at += 1) {
        const bucket = buckets[at]
        const amount = amounts[at] ?? 0
        // What a dry run would have refused is no use of it: else it would count calls that its limit never lets through.
        if (bucket !== undefined) kinds[bucket.limit.kind].settle(bucket, amount, amount === 0 && bucket.limit.dryRun ? 0 : (used[at] ?? 0))
      }
    },
    reading: (bucket) => kinds[bucket.limit.kind].reading(bucket),
  }
}

type Kinds = Readonly<Record<LimitKind, Kind>>

function kindsOf(parts: KindParts): Kinds {
  const rate = rates(parts)
  return { requests: rate, input_tokens: rate, output_tokens: rate, concurrency: concurrency(parts), budget: budgets(parts) }
}

/** The first bucket that refuses, and the dry runs before it that would have. */
interface Found {
  readonly at: number
  readonly refusal: Refusal
  readonly over: readonly number[]
  readonly now: number
}

/** Gives back what was taken before the bucket that refused, and finds the one that will refuse longest. */
function refuse(kinds: Kinds, { buckets }: LimitSet, found: Found & { readonly amounts: readonly number[] }): Refused {
  let { at, refusal } = found
  for (const [place, bucket] of buckets.entries()) {
    const kind = kinds[bucket.limit.kind]
    const amount = found.amounts[place] ?? 0
    if (place < found.at) {
      if (amount > 0 && !found.over.includes(place)) kind.undo(bucket, amount)
    } else if (place > found.at && !bucket.limit.dryRun) {
      const other = kind.look(bucket, amount, found.now)
      if (other !== null && other.waitMs > refusal.waitMs) [at, refusal] = [place, other]
    }
  }
  return { is: 'refused', at, why: refusal.why, retryAfterMs: refusal.waitMs === Infinity ? -1 : refusal.waitMs }
}

/** How exactly it is kept when a cell was used: a second is enough to see that it is idle. */
const usedAtStepUs = 1e6

const none: readonly number[] = []
const taken: Verdict = { is: 'taken', over: none }
