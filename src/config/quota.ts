import { readBudget } from './units.ts'

/** A tenant's quota as it is asked for: what is written, or `none` to take a limit away. */
export interface QuotaChange {
  readonly requests?: string
  /** Most requests at once; without `requests`: of the limit that is there. */
  readonly burst?: string
  readonly inputTokens?: string
  readonly outputTokens?: string
  readonly concurrency?: string
  /** Each takes the place of the budget of its own period. */
  readonly budget?: readonly string[]
}

/** A tenant as it is written. */
export type WrittenTenant = Readonly<Record<string, unknown>>

/** A tenant's written limits with the change made; what else they say (exact, away, …) stays. */
export function withQuota(written: WrittenTenant, change: QuotaChange): WrittenTenant {
  const { requests, burst, inputTokens, outputTokens, concurrency, budget } = change
  const next: Record<string, unknown> = { ...written }
  const set = (key: string, value: string | undefined, part: string): void => {
    if (value === undefined) return
    if (value === 'none') delete next[key]
    else next[key] = isRecord(next[key]) ? { ...next[key], [part]: amount(value) } : amount(value)
  }
  set('requests', requests, 'rate')
  if (burst !== undefined && next['requests'] !== undefined)
    next['requests'] = { ...(isRecord(next['requests']) ? next['requests'] : { rate: next['requests'] }), burst: amount(burst) }
  set('inputTokens', inputTokens, 'rate')
  set('outputTokens', outputTokens, 'rate')
  set('concurrency', concurrency, 'most')
  for (const one of budget ?? []) {
    const budgets = one === 'none' ? [] : withBudget(listOf(next['budget']), one)
    if (budgets.length === 0) delete next['budget']
    else next['budget'] = budgets.length === 1 && !Array.isArray(next['budget']) ? budgets[0] : budgets
  }
  return next
}

function withBudget(budgets: readonly unknown[], written: string): readonly unknown[] {
  const period = readBudget(written)?.period
  const [money] = written.split('/')
  const at = budgets.findIndex((one) => period !== undefined && periodOf(one) === period)
  const old = budgets[at]
  const value = isRecord(old) ? { ...old, amount: money } : written
  return at === -1 ? [...budgets, value] : budgets.with(at, value)
}

function periodOf(written: unknown): unknown {
  return isRecord(written) ? written['per'] : readBudget(String(written))?.period
}

function listOf(written: unknown): readonly unknown[] {
  if (written === undefined || written === null) return []
  return Array.isArray(written) ? written : [written]
}

/** A bare number stands in the file as one. */
function amount(text: string): string | number {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : text
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
