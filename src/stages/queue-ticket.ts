import type { RelayError } from '../base/errors.ts'

/** A call that is to wait. */
export interface Ticket {
  /** '' where it has none. */
  readonly tenant: string
  /** 0 to 9. */
  readonly priority: number
  /** How much it asks for beside others: a tenant whose calls are twice as large gets through half as many. */
  readonly size: number
  /** Calls that may wait over all workers, and how long each of them. */
  readonly most: number
  readonly timeoutMs: number
  /** The keys of the buckets that it takes from, as far as it is known. */
  readonly buckets: readonly string[]
  /** Asks its limits. */
  attempt(): Attempt | Promise<Attempt>
  /** What was taken and is not wanted any more is given back. */
  giveBack(): void
  /** What it is told that finds no room or waits too long: its last refusal. */
  refusal(why: 'full' | 'late'): RelayError
}

/** What came of asking the limits. */
export type Attempt =
  | { readonly is: 'taken' }
  /** Of its buckets this one refuses for now, and for about so long. */
  | { readonly is: 'waits'; readonly bucket: string; readonly buckets: readonly string[]; readonly waitMs: number }
  | { readonly is: 'refused'; readonly error: Error }
