import type { Limit } from '../base/limit.ts'
import type { Tenant } from '../base/tenant.ts'

/** What a worker asks control in the middle of a call, once for many calls. Each question has a number, and its answer the same. */
export type Question =
  /** The tenant at this place of the directory; null when it is gone. */
  | { readonly of: 'tenant'; readonly id: number }
  /** Slots in the shared memory for these bucket keys, in their order; -1 where there is no room left. */
  | { readonly of: 'slots'; readonly keys: readonly string[] }
  /** More for these leases, see `LeaseWish`. */
  | { readonly of: 'leases'; readonly wishes: readonly LeaseWish[] }

/** A worker needs more than the process holds of a leased bucket. */
export interface LeaseWish {
  readonly slot: number
  readonly key: string
  readonly tag: string
  /** At least so much, in the bucket's unit. */
  readonly amount: number
  readonly limit: Limit
}

/** How a wish came out. The tokens are in shared memory when the answer comes. */
export type LeaseOutcome =
  | { readonly is: 'leased' }
  | { readonly is: 'refused'; readonly why: 'rate' | 'concurrency' | 'held' | 'spent'; readonly retryAfterMs: number }
  | { readonly is: 'away' }

/** The answer of each question, by its `of`. */
export interface Answers {
  readonly tenant: Tenant | null
  readonly slots: readonly number[]
  readonly leases: readonly LeaseOutcome[]
}
