import type { BudgetLimit, Limit } from '../../base/limit.ts'
import { Word } from '../cells.ts'
import { periodAt } from '../period.ts'
import type { Bucket } from '../store.ts'
import { heldWaitMs, shareOf, type Kind, type KindParts, type Refusal } from './kind.ts'

/**
 * Money: what has been spent stands in the cell, what open calls have reserved in their workers' columns. A call that ends adds to what
 * was spent before it lets go of what it reserved, and whoever asks reads the columns before what was spent: money on its way from one
 * to the other is seen twice for a moment, never not at all.
 */
export function budgets({ cells, clock, nodes }: KindParts): Kind {
  /** Why so much more does not fit into what stands there now; null where it does. */
  function refusalOf({ slot, limit }: Bucket, amount: number, mine: number): Refusal | null {
    const budget = budgetOf(limit)
    const most = shareOf(budget.nanoUsd, nodes())
    const others = cells.held(slot) - mine
    const spent = cells.read(slot, Word.level)
    if (others + spent + amount <= most) return null
    if (amount > most) return { why: 'spent', waitMs: Infinity }
    return spent + amount <= most ? { why: 'held', waitMs: heldWaitMs } : { why: 'spent', waitMs: endsInMs(budget, clock.wallMs()) }
  }

  return {
    take: (bucket, amount) => {
      if (amount === 0) return null
      cells.hold(bucket.slot, amount)
      const refusal = refusalOf(bucket, amount, amount)
      if (refusal !== null) cells.hold(bucket.slot, -amount)
      return refusal
    },
    look: (bucket, amount) => (amount === 0 ? null : refusalOf(bucket, amount, 0)),
    undo: ({ slot }, amount) => cells.hold(slot, -amount),
    begin: () => {},
    settle: (bucket, taken, used) => {
      // Who holds nothing may find the cell of a period that is over given to another key, and nobody asks for that period any more.
      if (used > 0 && (taken > 0 || isOfNow(bucket, clock.wallMs()))) cells.add(bucket.slot, Word.level, used)
      if (taken > 0) cells.hold(bucket.slot, -taken)
    },
    reading: ({ slot, limit }) => {
      const budget = budgetOf(limit)
      const most = shareOf(budget.nanoUsd, nodes())
      const held = cells.held(slot)
      const left = most - held - cells.read(slot, Word.level)
      return { limit: most, remaining: Math.max(0, left), resetMs: endsInMs(budget, clock.wallMs()) }
    },
  }
}

function budgetOf(limit: Limit): BudgetLimit {
  // Only budgets come here: the store chooses by the kind.
  if (limit.kind !== 'budget') throw new TypeError(`${limit.kind} is no budget`)
  return limit
}

function endsInMs(limit: BudgetLimit, now: number): number {
  return Math.max(1, Math.ceil(periodAt(limit, now).endMs - now))
}

function isOfNow({ key, limit }: Bucket, now: number): boolean {
  return key.endsWith(`|${periodAt(budgetOf(limit), now).label}`)
}
