import type { LimitSet } from '../../src/limits/store.ts'

/** What a thread is told. */
export interface HammerOrder {
  readonly cells: SharedArrayBuffer
  readonly index: number
  readonly set: LimitSet
  /** Int32, see `Seen`. */
  readonly seen: SharedArrayBuffer
  readonly ms: number
  /**
   * `run`: as many calls as it can; `refund`: so too, each of them takes 1 and uses nothing; `hold`: takes once, says so, and goes on until
   * it is ended.
   */
  readonly deed: 'run' | 'refund' | 'hold'
}

/** What the threads count together: whether they may begin, how many calls are inside, how many ever were at once. */
export const Seen = { begin: 0, inside: 1, most: 2, admitted: 3 } as const

/** What a thread says at its end: by bucket, what its calls used. */
export interface HammerResult {
  readonly used: readonly number[]
  readonly refused: number
}
