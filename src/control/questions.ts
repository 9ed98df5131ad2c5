import type { Tenant } from '../base/tenant.ts'
import type { LeaseOutcome, LeaseWish } from '../limits/lease/wish.ts'

/** What a worker asks control in the middle of a call, once for many calls. Each question has a number, and its answer the same. */
export type Question =
  /** The tenant at this place of the directory; null when it is gone. */
  | { readonly of: 'tenant'; readonly id: number }
  /** Slots in the shared memory for these bucket keys, in their order; -1 where there is no room left. */
  | { readonly of: 'slots'; readonly keys: readonly string[] }
  /** More for these leases. */
  | { readonly of: 'leases'; readonly wishes: readonly LeaseWish[] }

/** The answer of each question, by its `of`. */
export interface Answers {
  readonly tenant: Tenant | null
  readonly slots: readonly number[]
  readonly leases: readonly LeaseOutcome[]
}
