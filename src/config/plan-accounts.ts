import type { TenantRecord, Tier } from '../auth/tenant.ts'

/** Tenants that the file names, and the store of all others. The records of the file do not travel to workers. */
export interface TenancyPlan {
  readonly tenants: readonly TenantRecord[]
  readonly from: { readonly is: 'sqlite'; readonly file: string } | { readonly is: 'redis' } | null
  readonly tiers: readonly Tier[]
}

/** What is reserved for a call before it goes out. */
export interface EstimatePlan {
  /** Where `max_tokens` is not found. */
  readonly outputTokens: number
  /** No more output than this is reserved, whatever `max_tokens` says; null: as it says. */
  readonly outputMost: number | null
  /** Bytes of a request for one token of input. */
  readonly bytesPerToken: number
}

/** Where every call is written down. */
export interface LedgerPlan {
  /** Whole path. */
  readonly file: string
  readonly flushMs: number
  /** An intent is committed before a call goes out. */
  readonly sync: boolean
  /** SQLite's `synchronous`: FULL survives a power loss. */
  readonly synchronous: 'NORMAL' | 'FULL'
  /** Rows that a worker keeps until they are committed. */
  readonly queue: number
  /** When the queue or the disk is full; null: `refuse` where a budget applies, `count` elsewhere. */
  readonly whenFull: 'refuse' | 'count' | null
  readonly keepRowsMs: number
  readonly keepDaysMs: number
  /** A call of a model without a price: `block` refuses it where a budget applies, `untracked` lets it pass without a cost. */
  readonly unknownModel: 'block' | 'untracked'
}
