import type { Tenants } from '../auth/tenants.ts'
import type { LedgerWriter } from '../ledger/row.ts'
import type { Limiter } from '../limits/limiter.ts'
import type { PeekBudget } from '../stages/peek-budget.ts'
import type { Queues } from '../stages/queue.ts'

/** What a worker's snapshots share: made once, before the first of them, and living through every reload. */
export interface Services {
  /** null: nobody is asked for a key. */
  readonly tenants: Tenants | null
  readonly limiter: Limiter
  readonly ledger: LedgerWriter | null
  readonly peeks: PeekBudget
  readonly load: Load
  /** Where calls wait for their limits, a queue a route. */
  readonly queues: Queues
  /** Told of each call that has ended while its usage is still being read. */
  readonly settling: (work: Promise<void>) => void
}

/** How the worker is doing. */
export interface Load {
  /** Whether new calls are to be refused for its sake. */
  readonly isOverloaded: boolean
}
