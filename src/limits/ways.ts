import type { Limit } from '../base/limit.ts'
import type { LimitSet } from './store.ts'

/** Where a bucket is taken from. */
export type Way = 'memory' | 'leased' | 'exact'

/** A set by the ways of its buckets: found out once. */
export interface Ways {
  /** All of them are in memory: nothing else has to be looked at. */
  readonly isMemory: boolean
  readonly of: readonly Way[]
  readonly memory: Part
  readonly leased: readonly number[]
  readonly exact: Part
}

/** Some buckets of a set, and their places in it. */
export interface Part {
  readonly places: readonly number[]
  readonly set: LimitSet
}

/** Rates and permits of fewer are not leased: a process that holds some of them in advance would keep them from the others. */
const least = 20

/** The way of a limit where buckets are kept in Redis. */
export function redisWay(limit: Limit): Way {
  if (limit.exact) return 'exact'
  switch (limit.kind) {
    case 'budget':
      return 'leased'
    case 'concurrency':
      return limit.most >= least ? 'leased' : 'exact'
    case 'requests':
    case 'input_tokens':
    case 'output_tokens':
      return limit.burst >= least ? 'leased' : 'exact'
  }
}

/** Finds the ways of sets, each only once. */
export function waysBy(wayOf: (limit: Limit) => Way): (set: LimitSet) => Ways {
  const known = new WeakMap<LimitSet, Ways>()
  return (set) => {
    const before = known.get(set)
    if (before !== undefined) return before
    const made = waysOf(set, wayOf)
    known.set(set, made)
    return made
  }
}

function waysOf(set: LimitSet, wayOf: (limit: Limit) => Way): Ways {
  const ways = set.buckets.map(({ limit }) => wayOf(limit))
  const placesOf = (way: Way): readonly number[] => ways.flatMap((its, at) => (its === way ? [at] : []))
  const partOf = (places: readonly number[]): Part => ({
    places,
    set: { buckets: set.buckets.filter((_bucket, at) => places.includes(at)), validUntil: set.validUntil },
  })
  return {
    isMemory: ways.every((way) => way === 'memory'),
    of: ways,
    memory: partOf(placesOf('memory')),
    leased: placesOf('leased'),
    exact: partOf(placesOf('exact')),
  }
}

/** The amounts of a part, in its order. */
export function amountsOf({ places }: Part, amounts: readonly number[]): readonly number[] {
  return places.map((place) => amounts[place] ?? 0)
}
