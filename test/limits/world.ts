import type { BudgetLimit, ConcurrencyLimit, Limit, RateLimit } from '../../src/base/limit.ts'
import { bucketKey, bucketTag } from '../../src/limits/bucket.ts'
import type { Clock } from '../../src/limits/clock.ts'
import type { Subject } from '../../src/limits/limiter.ts'
import { periodAt } from '../../src/limits/period.ts'
import type { Bucket, LimitSet } from '../../src/limits/store.ts'

/** A clock that stands still until it is told. */
export interface TestClock extends Clock {
  advance(ms: number): void
}

/** Starts in whole ms, so that all that tests count stays whole. */
export function testClock(startMs = Date.UTC(2026, 10, 23, 10)): TestClock {
  let ms = startMs
  return {
    us: () => ms * 1000,
    wallMs: () => ms,
    advance: (by) => {
      ms += by
    },
  }
}

export const caller: Subject = { tenant: { name: 'search', business: 'shop' }, route: 'v1/messages', model: 'claude-opus-5' }

const base = { per: ['tenant'], routes: null, models: null, exact: true, away: 'closed', dryRun: false } as const

export function rate(more: Partial<RateLimit> = {}): RateLimit {
  return { ...base, name: 'requests', kind: 'requests', count: 6, periodMs: 60_000, burst: 5, ...more }
}

export function permits(most: number, more: Partial<ConcurrencyLimit> = {}): ConcurrencyLimit {
  return { ...base, name: 'concurrency', kind: 'concurrency', most, ...more }
}

export function budget(nanoUsd: number, more: Partial<BudgetLimit> = {}): BudgetLimit {
  return { ...base, name: 'budget-day', kind: 'budget', nanoUsd, period: 'day', timeZone: 'UTC', ...more }
}

/** Makes sets as a relay binds them: a limit of the same name is the same bucket, a budget's that of the period at the clock. */
export function setMaker(clock: Clock): (...limits: readonly Limit[]) => LimitSet {
  const slots = new Map<string, number>()
  const slotOf = (key: string): number => {
    const slot = slots.get(key) ?? slots.size
    slots.set(key, slot)
    return slot
  }
  return (...limits) => {
    const now = clock.wallMs()
    const buckets = limits.map((limit): Bucket => {
      const key = bucketKey(limit, caller, now)
      return { limit, key, tag: bucketTag(limit, caller), slot: slotOf(key) }
    })
    const ends = limits.map((limit) => (limit.kind === 'budget' ? periodAt(limit, now).endMs : Infinity))
    return { buckets, validUntil: Math.min(Infinity, ...ends) }
  }
}
