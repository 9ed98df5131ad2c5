import type { Limit } from '../../base/limit.ts'
import type { Refused } from '../store.ts'

/** A worker needs more than the process holds of a leased bucket. */
export interface LeaseWish {
  readonly slot: number
  readonly key: string
  readonly tag: string
  /** What one call needs; 0: nothing yet, but it will soon. */
  readonly amount: number
  /** It is asked only because others are: it will be low later than they. */
  readonly isAlong: boolean
  readonly limit: Limit
}

/** How a wish came out. What was leased is in shared memory when the answer comes, for whoever takes it first. */
export type LeaseOutcome =
  | { readonly is: 'leased' }
  | { readonly is: 'refused'; readonly why: Refused['why']; readonly retryAfterMs: number }
  | { readonly is: 'away' }

/** Asks control, once for many wishes; the outcomes come in their order. */
export type AskLeases = (wishes: readonly LeaseWish[]) => Promise<readonly LeaseOutcome[]>
