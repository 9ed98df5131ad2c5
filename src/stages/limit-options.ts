import type { Used } from '../base/tokens.ts'
import type { Call } from '../engine/call.ts'
import type { LedgerWriter } from '../ledger/row.ts'
import type { Limiter } from '../limits/limiter.ts'
import type { Column } from '../metrics/column.ts'
import type { LimitsFor } from './limits-for.ts'
import type { Queue, Queues } from './queue.ts'
import type { RateHeaders } from './rate-headers.ts'

/**
 * What a call is expected to use; a promise, which never rejects, where somebody else counts. `hasRoom`: whether its limits have anything
 * left; where they have not, nobody needs to be asked.
 */
export type Expect = (call: Call, hasRoom: () => boolean) => Used | Promise<Used>

/** What limiting the calls of a route needs. */
export interface LimitOptions {
  readonly kind: 'claude' | 'http' | 'grpc'
  readonly column: Column
  readonly limiter: Limiter
  readonly limitsFor: LimitsFor
  /** Asked for Messages calls. */
  readonly expect: Expect
  /** Whether a call whose model has no price is refused where a budget counts it. */
  readonly blocksUnpriced: boolean
  /** null: calls are not written down. */
  readonly ledger: LedgerUse | null
  /** null: a call that is refused is told so at once. */
  readonly queue: QueueUse | null
  readonly queues: Queues
  /** null: nobody is told how limits stand. */
  readonly headers: RateHeaders | null
}

/** How calls get into the ledger before they go out. */
export interface LedgerUse {
  readonly writer: LedgerWriter
  /** null: `refuse` where a budget counts the call, `count` elsewhere. */
  readonly whenFull: 'refuse' | 'count' | null
  /** Each call waits until its intent is committed. */
  readonly isSync: boolean
  readonly intend: (call: Call) => Promise<void>
}

/** The queue of a route, and its bounds. */
export interface QueueUse {
  readonly queue: Queue
  readonly most: number
  readonly timeoutMs: number
}
