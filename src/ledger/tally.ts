import type { LedgerRow, RefusedCount } from './row.ts'

/** What some rows come to for one day, tenant, business, route and model. */
export interface DayTally {
  readonly day: string
  readonly tenant: string
  readonly business: string
  readonly route: string
  readonly model: string
  /** Refused calls are none of `calls`. */
  calls: number
  refused: number
  estimated: number
  untracked: number
  input: number
  output: number
  cacheWrite5m: number
  cacheWrite1h: number
  cacheRead: number
  webSearches: number
  cost: number
}

/** What a transaction adds to the days and the budgets, summed up so that each is written once. */
export interface Tally {
  readonly days: ReadonlyMap<string, DayTally>
  /** By the bucket's key. */
  readonly budgets: ReadonlyMap<string, number>
  add(row: LedgerRow): void
  addRefused(refused: RefusedCount): void
}

/** Nothing yet. */
export function tally(): Tally {
  const days = new Map<string, DayTally>()
  const budgets = new Map<string, number>()
  return {
    days,
    budgets,
    add(row) {
      addToDay(days, row)
      const cost = row.costNanoUsd ?? 0
      if (cost > 0) for (const key of row.budgets) budgets.set(key, (budgets.get(key) ?? 0) + cost)
    },
    addRefused({ day, tenant, business, route, count }) {
      sumOf(days, day, { tenant, business, route, model: '' }).refused += count
    },
  }
}

/** The day of UTC in which a moment lies, as `2026-11-23`. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

function addToDay(days: Map<string, DayTally>, row: LedgerRow): void {
  const sum = sumOf(days, dayOf(row.at), row)
  if (row.end === 'refused') sum.refused++
  else sum.calls++
  if (row.source === 'estimated') sum.estimated++
  // A call that used nothing has nothing that could have had a price.
  if (row.costNanoUsd === null && row.source !== 'none') sum.untracked++
  sum.input += row.input
  sum.output += row.output
  sum.cacheWrite5m += row.cacheWrite5m
  sum.cacheWrite1h += row.cacheWrite1h
  sum.cacheRead += row.cacheRead
  sum.webSearches += row.webSearches
  sum.cost += row.costNanoUsd ?? 0
}

type Whose = Pick<LedgerRow, 'tenant' | 'business' | 'route' | 'model'>

function sumOf(days: Map<string, DayTally>, day: string, whose: Whose): DayTally {
  // Only the model comes from a caller, and it stands last: no two keys can be the same by chance.
  const key = `${day}\0${whose.tenant}\0${whose.business}\0${whose.route}\0${whose.model}`
  const known = days.get(key)
  if (known !== undefined) return known
  const sum = empty(day, whose)
  days.set(key, sum)
  return sum
}

function empty(day: string, { tenant, business, route, model }: Whose): DayTally {
  const none = { input: 0, output: 0, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, webSearches: 0, cost: 0 }
  return { day, tenant, business, route, model, calls: 0, refused: 0, estimated: 0, untracked: 0, ...none }
}
