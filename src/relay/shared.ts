import type { Plan } from '../config/plan.ts'
import { cellsMemory } from '../limits/cells.ts'
import { limitSharedMemory } from '../limits/shared.ts'
import { peekMemory, setPeekBound } from '../stages/peek-budget.ts'

/** The memories that all threads share beside the numbers; pages that nobody has written to cost nothing. */
export interface SharedMemories {
  readonly cells: SharedArrayBuffer
  readonly limits: SharedArrayBuffer
  readonly peeks: SharedArrayBuffer
}

/** Makes them for so many workers, which may hold so many bytes of one body to read it. */
export function sharedMemories(workers: number, peek: number): SharedMemories {
  return {
    cells: cellsMemory({ workers, slots }),
    limits: limitSharedMemory(),
    peeks: peekMemory(workers, peekBytes(workers, peek), peek),
  }
}

/** A reload: of one body more or less may be held, and so of all of them. */
export function usePeek({ peeks }: SharedMemories, workers: number, peek: number): void {
  setPeekBound(peeks, peekBytes(workers, peek), peek)
}

/** Buckets that can be in use at once: those of 100,000 tenants that are all awake. */
const slots = 2 ** 18

/** Bytes that all peeks together may hold; each worker has so many that a quarter of them, one tenant's, is room for two bodies or more. */
function peekBytes(workers: number, peek: number): number {
  return Math.max(64 * mebibyte, workers * Math.max(16 * mebibyte, 8 * peek))
}

const mebibyte = 2 ** 20

/** The plan without what workers have no use for: no tenant's record travels. */
export function planForWorkers(plan: Plan): Plan {
  return plan.tenancy === null ? plan : { ...plan, tenancy: { ...plan.tenancy, tenants: [] } }
}
