import type { BodyEnd } from '../base/ends.ts'

/** One call in the ledger. Times are ms, `at` since the epoch; money is whole nano-dollars. */
export interface LedgerRow {
  /** The call's id: a row is written once, whatever is sent twice. */
  readonly id: string
  readonly at: number
  /** '' where the call had no tenant. */
  readonly tenant: string
  readonly business: string
  readonly route: string
  /** '' where nobody said. */
  readonly model: string
  readonly upstream: string
  /** 0 where the caller got no head. */
  readonly status: number
  /** `refused`: by relay, before it went out; `lost`: relay ended under it. */
  readonly end: BodyEnd | 'refused' | 'lost'
  readonly input: number
  readonly output: number
  readonly cacheWrite5m: number
  readonly cacheWrite1h: number
  readonly cacheRead: number
  readonly webSearches: number
  /** `none`: nothing was used, or nothing is known to have been. */
  readonly source: 'exact' | 'estimated' | 'none'
  /** null: untracked, the model has no price. */
  readonly costNanoUsd: number | null
  readonly latencyMs: number
  /** null: no byte came. */
  readonly firstByteMs: number | null
  readonly attempts: number
  /** The budgets that its cost counts on, by the bucket's key (which holds the period). */
  readonly budgets: readonly string[]
}

/** Says before a call goes out that it will: settled by its row, or turned into an estimate at the next start. Its figures are the estimates. */
export type LedgerIntent = LedgerRow & { readonly end: 'lost' }

/** Refused calls of one day (of UTC) that have no row of their own. */
export interface RefusedCount {
  readonly day: string
  readonly tenant: string
  readonly business: string
  readonly route: string
  readonly count: number
}

/** What a worker sends to the ledger's thread over its port. */
export type ToLedger =
  | { readonly is: 'rows'; readonly batch: number; readonly rows: readonly LedgerRow[]; readonly refused: readonly RefusedCount[] }
  | { readonly is: 'intents'; readonly batch: number; readonly rows: readonly LedgerIntent[] }

/** What comes back: a batch is committed, or the ledger cannot write for now (disk full), or can again. */
export type FromLedger = { readonly is: 'committed'; readonly batch: number } | { readonly is: 'state'; readonly canWrite: boolean }

/** A worker's end of the ledger. Rows are sent in batches, kept until they are committed, and sent again to a new thread. */
export interface LedgerWriter {
  /** Takes a row for the next batch; false: the queue is full and the row is lost (and counted). Refusals are dropped first: the day's sums have them all the same. */
  write(row: LedgerRow): boolean
  /** Resolves when the intent is committed; rejects with `unavailable` when that cannot be done in time. */
  intend(row: LedgerIntent): Promise<void>
  /** Whether calls may go on: false while the queue is full or the ledger cannot write. */
  readonly canTake: boolean
  /** Rows that were lost, and refusals that were dropped, since the start. */
  readonly lost: number
  readonly dropped: number
  /** Sends what is left and waits for its commit, at most so long. */
  flush(timeoutMs: number): Promise<void>
}
