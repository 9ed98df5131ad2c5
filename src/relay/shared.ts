import type { Plan } from '../config/plan.ts'
import { cellsMemory } from '../limits/cells.ts'
import { limitSharedMemory } from '../limits/shared.ts'
import { peekMemory } from '../stages/peek-budget.ts'

/** The memories that all threads share beside the numbers; pages that nobody has written to cost nothing. */
export interface SharedMemories {
  readonly cells: SharedArrayBuffer
  readonly limits: SharedArrayBuffer
  readonly peeks: SharedArrayBuffer
}

/** Makes them for so many workers. */
export function sharedMemories(workers: number): SharedMemories {
  return {
    cells: cellsMemory({ workers, slots }),
    limits: limitSharedMemory(),
    peeks: peekMemory(workers, Math.max(peekBytes, workers * peekBytesEach)),
  }
}

/** Buckets that can be in use at once: those of 100,000 tenants that are all awake. */
const slots = 2 ** 18

/** Bytes that all peeks together may hold; of many workers each has so many that a quarter of them is room for some of one tenant. */
const peekBytes = 64 * 2 ** 20
const peekBytesEach = 16 * 2 ** 20

/** The plan without what workers have no use for: no tenant's record travels. */
export function planForWorkers(plan: Plan): Plan {
  return plan.tenancy === null ? plan : { ...plan, tenancy: { ...plan.tenancy, tenants: [] } }
}
