import type { LedgerRow, RefusedCount } from './row.ts'
import { dayOf } from './tally.ts'

/** Refusals without a row of their own, summed up until they are posted. */
export interface Refusals {
  readonly isEmpty: boolean
  add(row: LedgerRow): void
  /** What there is, and from now on nothing. */
  take(): readonly RefusedCount[]
}

/** Days, tenants, businesses and routes that are told apart between two posts; what comes beyond counts as that of `other`. */
const mostCounts = 1000

export function refusals(): Refusals {
  let counts = new Map<string, Counting>()
  return {
    get isEmpty() {
      return counts.size === 0
    },
    add(row) {
      const day = dayOf(row.at)
      const found = counts.get(keyOf(day, row))
      if (found !== undefined) found.count++
      else if (counts.size < mostCounts) count(day, row)
      else count(day, others)
    },
    take() {
      const taken = [...counts.values()]
      counts = new Map()
      return taken
    },
  }

  function count(day: string, { tenant, business, route }: Whose): void {
    const key = keyOf(day, { tenant, business, route })
    const found = counts.get(key)
    if (found === undefined) counts.set(key, { day, tenant, business, route, count: 1 })
    else found.count++
  }
}

type Whose = Pick<LedgerRow, 'tenant' | 'business' | 'route'>
type Counting = { -readonly [Key in keyof RefusedCount]: RefusedCount[Key] }

const others: Whose = { tenant: 'other', business: 'other', route: 'other' }

function keyOf(day: string, { tenant, business, route }: Whose): string {
  return `${day}\0${tenant}\0${business}\0${route}`
}
