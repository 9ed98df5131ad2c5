import type { Cells } from '../cells.ts'
import type { Clock } from '../clock.ts'
import type { Bucket, Reading, Refused } from '../store.ts'

/** What one kind of limit does with its buckets. `now` is µs of the process's clock. */
export interface Kind {
  /** Takes, or says why not. */
  take(bucket: Bucket, amount: number, now: number): Refusal | null
  /** Whether it would take, without doing so. */
  look(bucket: Bucket, amount: number, now: number): Refusal | null
  /** Gives back what was taken for a call that another bucket refused. */
  undo(bucket: Bucket, amount: number): void
  /** A call has begun that will settle here, whether or not it took anything. */
  begin(bucket: Bucket): void
  settle(bucket: Bucket, taken: number, used: number): void
  reading(bucket: Bucket): Reading
}

/** What the kinds work with. */
export interface KindParts {
  readonly cells: Cells
  readonly clock: Clock
  /** How many nodes share each limit. */
  readonly nodes: () => number
}

/** Why a bucket refuses, and for how long; Infinity: for ever. */
export interface Refusal {
  readonly why: Refused['why']
  readonly waitMs: number
}

/** Nobody knows when a call under way will end: what is held may be free in a second. */
export const heldWaitMs = 1000

/** A node's part of a limit, at least 1. */
export function shareOf(whole: number, nodes: number): number {
  return nodes <= 1 ? whole : Math.max(1, Math.floor(whole / nodes))
}
