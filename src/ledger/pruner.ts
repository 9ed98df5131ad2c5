import type { LedgerOptions } from './messages.ts'
import type { LedgerStore } from './store.ts'

/** Deletes what is older than it is kept, some at a time. */
export interface Pruner {
  close(): void
}

const dayMs = 86_400_000

/** No budget's period is longer than a month, so one that nobody has touched for two is past. */
const keepBudgetsMs = 62 * dayMs

/** ms between two deletions, so that batches come between them. */
const pauseMs = 20

export function pruner(store: LedgerStore, { keepRowsMs, keepDaysMs, pruneMs = 600_000 }: LedgerOptions): Pruner {
  let timer = setTimeout(prune, Math.min(pruneMs, 1000))

  function prune(): void {
    const now = Date.now()
    const before = { rows: now - keepRowsMs, days: Math.max(0, now - keepDaysMs), budgets: now - keepBudgetsMs }
    timer = setTimeout(prune, deleted(before) > 0 ? pauseMs : pruneMs)
  }

  function deleted(before: Parameters<LedgerStore['prune']>[0]): number {
    try {
      return store.prune(before)
    } catch {
      // A ledger that cannot be written says so with the next row; what is too old waits for the next look.
      return 0
    }
  }

  return { close: () => clearTimeout(timer) }
}
