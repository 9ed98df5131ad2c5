/**
 * The buckets in shared memory, one cell each, spent by all workers without a lock. A cell's words are doubles that change by
 * compare-and-swap of their bits (an Int64 view of the same memory), so that arithmetic stays in doubles and no update is lost. What
 * belongs to one worker's open calls (permits of a concurrency limit, money reserved on a budget) stands in that worker's own column
 * with it as the only writer: when it dies, control zeroes the column, and all that it held is free again.
 */
export interface CellsLayout {
  readonly workers: number
  readonly slots: number
}

/** Words of a cell, 8 bytes each. */
export const Word = {
  /** A rate: when the bucket is full again (µs of the process's clock). A budget: what has been spent (nano-dollars). */
  level: 0,
  /** Leased limits: what the process holds and no call has taken. */
  leased: 1,
  /** Refused locally until then (µs of the process's clock). */
  deniedUntil: 2,
  /** When it was last taken from (µs of the process's clock). */
  usedAt: 3,
  /** Leased concurrency and budgets: what the process has been granted in all. */
  granted: 4,
} as const

/** Words a cell takes: one cache line. */
export const cellWords = 8

/** The shared memory for so many workers and slots: cells first, then a column of held amounts for each worker. */
export function cellsMemory({ workers, slots }: CellsLayout): SharedArrayBuffer {
  return new SharedArrayBuffer((headWords + slots * cellWords + workers * slots) * 8)
}

/** Words before the first cell: how many workers and slots there are. */
export const headWords = 8
