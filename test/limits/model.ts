import type { BudgetLimit, Limit, RateLimit } from '../../src/base/limit.ts'
import type { Clock } from '../../src/limits/clock.ts'
import { periodAt } from '../../src/limits/period.ts'
import type { LimitSet, Reading, Refused } from '../../src/limits/store.ts'

/** A bucket that refuses, and the wait that it asks for; -1: for ever. */
export interface Refusing {
  readonly at: number
  readonly why: Refused['why']
  readonly retryAfterMs: number
}

/** What a store ought to do, one call after the other: tokens in a bucket that is refilled, permits, and money on a pile. */
export interface Model {
  take(
    call: string,
    set: LimitSet,
    amounts: readonly number[],
  ): { readonly refusing: readonly Refusing[]; readonly over: readonly number[] }
  settle(call: string, set: LimitSet, used: readonly number[]): void
  readings(set: LimitSet): readonly Reading[]
}

interface State {
  /** A rate: µs of refill that it holds; below 0 it owes. */
  credit: number
  at: number
  held: number
  spent: number
}

interface Open {
  readonly amounts: readonly number[]
  readonly over: readonly number[]
}

/** Exact where a token takes whole µs and amounts are whole: nothing here is ever rounded. */
export function model(clock: Clock): Model {
  const states = new Map<string, State>()
  const open = new Map<string, Open>()

  function stateOf(key: string, limit: Limit): State {
    const now = clock.us()
    const full = isRate(limit) ? windowOf(limit) : 0
    const state = states.get(key) ?? { credit: full, at: now, held: 0, spent: 0 }
    states.set(key, state)
    state.credit = Math.min(full, state.credit + now - state.at)
    state.at = now
    return state
  }

  function refusing(state: State, limit: Limit, amount: number): Omit<Refusing, 'at'> | null {
    if (amount === 0) return null
    if (isRate(limit)) {
      const wanted = amount * stepOf(limit)
      if (wanted <= state.credit) return null
      return { why: 'rate', retryAfterMs: amount > limit.burst ? -1 : Math.ceil((wanted - state.credit) / 1000) }
    }
    if (limit.kind === 'concurrency') {
      if (state.held + amount <= limit.most) return null
      return { why: 'concurrency', retryAfterMs: amount > limit.most ? -1 : 1000 }
    }
    if (state.spent + state.held + amount <= limit.nanoUsd) return null
    if (amount > limit.nanoUsd) return { why: 'spent', retryAfterMs: -1 }
    if (state.spent + amount <= limit.nanoUsd) return { why: 'held', retryAfterMs: 1000 }
    return { why: 'spent', retryAfterMs: untilEnd(limit) }
  }

  function untilEnd(limit: BudgetLimit): number {
    return periodAt(limit, clock.wallMs()).endMs - clock.wallMs()
  }

  return {
    take: (call, { buckets }, amounts) => {
      const found = buckets.flatMap(({ key, limit }, at) => {
        const why = refusing(stateOf(key, limit), limit, amounts[at]!)
        return why === null ? [] : [{ at, ...why }]
      })
      const [dry, wet] = [found.filter(({ at }) => buckets[at]!.limit.dryRun), found.filter(({ at }) => !buckets[at]!.limit.dryRun)]
      const over = dry.map(({ at }) => at)
      if (wet.length > 0) return { refusing: wet, over: [] }
      for (const [at, { key, limit }] of buckets.entries()) {
        if (over.includes(at)) continue
        const state = stateOf(key, limit)
        if (isRate(limit)) state.credit -= amounts[at]! * stepOf(limit)
        else state.held += amounts[at]!
      }
      open.set(call, { amounts, over })
      return { refusing: [], over }
    },
    settle: (call, { buckets }, used) => {
      const taken = open.get(call)
      open.delete(call)
      if (taken === undefined) return
      for (const [at, { key, limit }] of buckets.entries()) {
        if (taken.over.includes(at)) continue
        const state = stateOf(key, limit)
        if (isRate(limit)) {
          const credit = state.credit + (taken.amounts[at]! - used[at]!) * stepOf(limit)
          state.credit = Math.max(-windowOf(limit), Math.min(windowOf(limit), credit))
        } else {
          state.held -= taken.amounts[at]!
          if (limit.kind === 'budget') state.spent += used[at]!
        }
      }
    },
    readings: ({ buckets }) =>
      buckets.map(({ key, limit }) => {
        const { credit, held, spent } = stateOf(key, limit)
        if (isRate(limit)) {
          const remaining = Math.max(0, Math.floor(credit / stepOf(limit)))
          return { limit: limit.burst, remaining, resetMs: Math.ceil((windowOf(limit) - credit) / 1000) }
        }
        if (limit.kind === 'concurrency') return { limit: limit.most, remaining: Math.max(0, limit.most - held), resetMs: 0 }
        return { limit: limit.nanoUsd, remaining: Math.max(0, limit.nanoUsd - held - spent), resetMs: untilEnd(limit) }
      }),
  }
}

function isRate(limit: Limit): limit is RateLimit {
  return limit.kind !== 'concurrency' && limit.kind !== 'budget'
}

function stepOf({ count, periodMs }: RateLimit): number {
  return (periodMs * 1000) / count
}

function windowOf(limit: RateLimit): number {
  return limit.burst * stepOf(limit)
}
