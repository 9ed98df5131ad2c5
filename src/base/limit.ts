/**
 * A limit as plain data: what is counted, for whom, and how much of it. The same shape stands in the plan, in a tier and in a tenant's
 * own record. Money is whole nano-dollars (10^-9 USD), so that sums are exact; times are ms.
 */
export type Limit = RateLimit | ConcurrencyLimit | BudgetLimit

/** What every limit has. */
interface LimitBase {
  /** Unique among the limits of one call: what is said in refusals, metrics and `relay tenant show`. */
  readonly name: string
  /** One bucket for each combination of these; none of them: one bucket for all. */
  readonly per: readonly LimitScope[]
  /** Names of routes it holds for; null: all. */
  readonly routes: readonly string[] | null
  /** Models it holds for, `*` stands for any text; null: all. */
  readonly models: readonly string[] | null
  /** Redis only: a round trip a call in place of leases. */
  readonly exact: boolean
  /** Redis only: what happens while it is away. */
  readonly away: AwayPolicy
  /** Counted and reported, never a refusal. */
  readonly dryRun: boolean
}

export type LimitScope = 'tenant' | 'business' | 'route' | 'model'

/** `local`: the limit divided by the live nodes, kept here; `closed`: refuse with 503; `open`: let pass. */
export type AwayPolicy = 'local' | 'closed' | 'open'

/** A token bucket: holds `burst`, refills `count` in `periodMs`, evenly. */
export interface RateLimit extends LimitBase {
  readonly kind: 'requests' | 'input_tokens' | 'output_tokens'
  readonly count: number
  readonly periodMs: number
  readonly burst: number
}

/** Calls under way at once. */
export interface ConcurrencyLimit extends LimitBase {
  readonly kind: 'concurrency'
  readonly most: number
}

/** Money a calendar period. */
export interface BudgetLimit extends LimitBase {
  readonly kind: 'budget'
  readonly nanoUsd: number
  readonly period: 'day' | 'week' | 'month'
  /** IANA name; weeks begin on Monday. */
  readonly timeZone: string
}

/** What a limit counts. */
export type LimitKind = Limit['kind']
