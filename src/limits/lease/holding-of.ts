import type { LimitKind } from '../../base/limit.ts'
import type { Cells } from '../cells.ts'
import { grantedHolding } from './granted-holding.ts'
import type { Holding } from './holding.ts'
import { tokenHolding } from './token-holding.ts'

/** The holding of a bucket of this kind. */
export function holdingOf(kind: LimitKind, cells: Cells, slot: number): Holding {
  return kind === 'concurrency' || kind === 'budget' ? grantedHolding(cells, slot) : tokenHolding(cells, slot)
}
