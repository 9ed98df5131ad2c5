import type { Limit } from '../base/limit.ts'
import type { Subject } from './limiter.ts'
import type { LimitSet } from './store.ts'

/**
 * The sets that calls were given before, by what they are limited as and by the list of limits itself: one that has changed is another
 * list. Two generations bound it: when the young one is full it becomes the old one, and what is not asked for until then is forgotten.
 */
export interface SetCache {
  get(subject: Subject, limits: readonly Limit[]): LimitSet | undefined
  put(subject: Subject, limits: readonly Limit[], set: LimitSet): void
  clear(): void
}

/** A cache of at most twice so many sets. */
export function setCache(most: number): SetCache {
  let [young, old]: [ByLimits, ByLimits] = [new Map(), new Map()]
  let count = 0

  function put(subject: Subject, limits: readonly Limit[], set: LimitSet): void {
    if (count >= most) {
      old = young
      young = new Map()
      count = 0
    }
    const byTenant = made(young, limits)
    const byRoute = made(byTenant, subject.tenant?.name ?? null)
    made(byRoute, subject.route).set(subject.model, { business: subject.tenant?.business ?? null, set })
    count += 1
  }

  return {
    get: (subject, limits) => {
      const known = find(young, subject, limits)
      if (known !== undefined) return known
      const older = find(old, subject, limits)
      if (older !== undefined) put(subject, limits, older)
      return older
    },
    put,
    clear: () => {
      young = new Map()
      old = new Map()
      count = 0
    },
  }
}

// Maps in maps, as a key that is put together from parts would cost each call a new string.
type ByModel = Map<string | null, Entry>
type ByRoute = Map<string, ByModel>
type ByTenant = Map<string | null, ByRoute>
type ByLimits = Map<readonly Limit[], ByTenant>

interface Entry {
  readonly business: string | null
  readonly set: LimitSet
}

function find(sets: ByLimits, { tenant, route, model }: Subject, limits: readonly Limit[]): LimitSet | undefined {
  const entry = sets
    .get(limits)
    ?.get(tenant?.name ?? null)
    ?.get(route)
    ?.get(model)
  return entry !== undefined && entry.business === (tenant?.business ?? null) ? entry.set : undefined
}

function made<Key, Inner extends Map<unknown, unknown>>(maps: Map<Key, Inner>, key: Key): Inner {
  const known = maps.get(key)
  if (known !== undefined) return known
  // Every kind of map begins as an empty one.
  const fresh = new Map() as Inner
  maps.set(key, fresh)
  return fresh
}
