import { sqliteCode } from './open.ts'
import type { Batch, LedgerStore } from './store.ts'

/** Rows that were left out, with the reason of the last. */
export interface Skipped {
  readonly rows: number
  readonly why: string
}

/**
 * Commits batches. When a row itself is to blame, all of them are written one by one and the bad ones left out: else one row would hold
 * up the ledger for good. Throws when the storage is to blame, which another time may cure.
 */
export function commitBatches(store: LedgerStore, batches: readonly Batch[]): Skipped {
  try {
    store.commit(batches)
    return { rows: 0, why: '' }
  } catch (error) {
    if (!isRowFault(error)) throw error
    return commitEach(store, batches)
  }
}

function commitEach(store: LedgerStore, batches: readonly Batch[]): Skipped {
  let skipped: Skipped = { rows: 0, why: '' }
  const attempt = (batch: Batch) => {
    try {
      store.commit([batch])
    } catch (error) {
      if (!isRowFault(error)) throw error
      skipped = { rows: skipped.rows + 1, why: error instanceof Error ? error.message : String(error) }
    }
  }
  for (const { rows, owner, refused } of batches) {
    for (const row of rows) attempt({ rows: [row], owner })
    if (refused !== undefined) attempt({ rows: [], owner: null, refused })
  }
  return skipped
}

// TOOBIG, CONSTRAINT, MISMATCH, or no error of SQLite's at all: a value that cannot be bound.
const rowFaults: ReadonlySet<number | null> = new Set([18, 19, 20, null])

function isRowFault(error: unknown): boolean {
  return rowFaults.has(sqliteCode(error))
}
