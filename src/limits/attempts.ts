import { Attempt, type AttemptParts } from './attempt.ts'
import { leaseAsker } from './lease/asker.ts'
import { leaseSpends } from './lease/spend.ts'
import type { AskLeases } from './lease/wish.ts'
import type { MemoryStore } from './memory/memory-store.ts'
import type { LimitSet, LimitStore, Verdict } from './store.ts'
import type { Ways } from './ways.ts'
import { withoutRedis } from './without-redis.ts'

/** Takes and settles over several ways. */
export interface LimitAttempts extends Pick<LimitStore, 'take' | 'settle'> {
  readonly counts: LimiterCounts
}

/** What a worker's limiter has done so far. */
export interface LimiterCounts {
  /** Refusals of leased limits that nobody was asked for. */
  readonly localRefusals: number
  /** Questions to control for more of leased buckets. */
  readonly questions: number
  /** Buckets that were decided by their policy while Redis was away. */
  readonly withoutRedis: number
  /** Calls with limits in Redis that have yet to settle. */
  readonly open: number
}

export interface LimitAttemptsOptions extends Pick<AttemptParts, 'cells' | 'clock' | 'shared' | 'memory' | 'exact'> {
  /** The same memory, with limits divided by the live nodes. */
  readonly local: MemoryStore
  readonly ask: AskLeases
  /** ms that a call waits for control, at most. */
  readonly waitMs: number
  readonly waysOf: (set: LimitSet) => Ways
}

/** The attempts of a worker. */
export function limitAttempts({ local, ask, waitMs, waysOf, ...rest }: LimitAttemptsOptions): LimitAttempts {
  const spends = leaseSpends(rest.cells)
  const asker = leaseAsker(ask, waitMs)
  const counts = { localRefusals: 0, withoutRedis: 0 }
  const parts: AttemptParts = { ...rest, spends, asker, counts, away: withoutRedis(local, rest.cells, spends) }
  // As many as there are calls under way: each of them settles.
  const open = new Map<string, Attempt>()

  function note(call: string, attempt: Attempt, verdict: Verdict): Verdict {
    if (verdict.is === 'taken') open.set(call, attempt)
    return verdict
  }

  return {
    take: (call, set, amounts) => {
      const ways = waysOf(set)
      if (ways.isMemory) return rest.memory.take(call, set, amounts)
      const before = open.get(call)
      if (before !== undefined) return before.verdict()
      const attempt = new Attempt(parts, { call, set, ways, amounts })
      const verdict = attempt.take()
      return verdict instanceof Promise ? verdict.then((verdict) => note(call, attempt, verdict)) : note(call, attempt, verdict)
    },
    settle: (call, set, taken, used) => {
      if (waysOf(set).isMemory) return rest.memory.settle(call, set, taken, used)
      const attempt = open.get(call)
      if (attempt === undefined) return
      open.delete(call)
      attempt.settle(taken, used)
    },
    counts: {
      get localRefusals() {
        return counts.localRefusals
      },
      get questions() {
        return asker.questions
      },
      get withoutRedis() {
        return counts.withoutRedis
      },
      get open() {
        return open.size
      },
    },
  }
}
