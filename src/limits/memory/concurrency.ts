import type { Limit } from '../../base/limit.ts'
import { heldWaitMs, shareOf, type Kind, type KindParts, type Refusal } from './kind.ts'

/**
 * Permits of calls under way, each worker's in its own column. A worker adds to its column before it reads them all, so of two that take
 * the last permit at once at least one sees both: never one too many, though both may be refused.
 */
export function concurrency({ cells, nodes }: KindParts): Kind {
  return {
    take: ({ slot, limit }, amount) => {
      if (amount === 0) return null
      const most = mostOf(limit, nodes())
      cells.hold(slot, amount)
      if (cells.held(slot) <= most) return null
      cells.hold(slot, -amount)
      return refusalOf(amount, most)
    },
    look: ({ slot, limit }, amount) => {
      const most = mostOf(limit, nodes())
      return amount === 0 || cells.held(slot) + amount <= most ? null : refusalOf(amount, most)
    },
    undo: ({ slot }, amount) => cells.hold(slot, -amount),
    begin: () => {},
    settle: ({ slot }, taken) => {
      if (taken > 0) cells.hold(slot, -taken)
    },
    reading: ({ slot, limit }) => {
      const most = mostOf(limit, nodes())
      return { limit: most, remaining: Math.max(0, most - cells.held(slot)), resetMs: 0 }
    },
  }
}

function mostOf(limit: Limit, nodes: number): number {
  // Only limits of this kind come here: the store chooses by the kind.
  if (limit.kind !== 'concurrency') throw new TypeError(`${limit.kind} is not concurrency`)
  return shareOf(limit.most, nodes)
}

function refusalOf(amount: number, most: number): Refusal {
  return { why: 'concurrency', waitMs: amount > most ? Infinity : heldWaitMs }
}
