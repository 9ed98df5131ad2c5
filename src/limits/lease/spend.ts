import type { LimitKind } from '../../base/limit.ts'
import { Word, type Cells } from '../cells.ts'
import { LeaseWord } from './words.ts'

/** What a worker does with a leased bucket: it spends from what the process holds, in shared memory, without a lock. */
export interface LeaseSpend {
  /** False: the process does not hold so much. */
  take(slot: number, amount: number): boolean
  /** The end of a call: less is given back, more is debt. */
  settle(slot: number, taken: number, used: number): void
  /** Whether more should be asked for before it is needed. */
  isLow(slot: number, amount: number): boolean
  /** Whether more is worth asking for when something else is asked for anyway. */
  isLowSoon(slot: number): boolean
}

/** The part of a lease on a rate below which more is asked for. */
export const low = 1 / 4
/** And below which it is when something else is. */
export const lowSoon = 3 / 4

/** The ways to spend, by kind of limit. */
export function leaseSpends(cells: Cells): Readonly<Record<LimitKind, LeaseSpend>> {
  const rate = rateSpend(cells)
  return { requests: rate, input_tokens: rate, output_tokens: rate, concurrency: heldSpend(cells), budget: moneySpend(cells) }
}

/** Tokens: `leased` goes down by compare-and-swap. The column counts open calls, so that the cell stays this bucket's until they end. */
function rateSpend(cells: Cells): LeaseSpend {
  function giveBack(slot: number, amount: number): void {
    for (;;) {
      const leased = cells.read(slot, Word.leased)
      const fits = Math.min(amount, Math.max(0, cells.read(slot, Word.granted) - leased))
      if (fits > 0 && !cells.swap(slot, Word.leased, leased, leased + fits)) continue
      if (amount > fits) cells.add(slot, LeaseWord.back, amount - fits)
      if (fits > 0) trim(slot, fits)
      return
    }
  }

  /** The process may have handed its tokens back in between: then these are more than it may hold. */
  function trim(slot: number, most: number): void {
    for (;;) {
      const leased = cells.read(slot, Word.leased)
      const over = Math.min(most, leased - cells.read(slot, Word.granted))
      if (over <= 0) return
      if (!cells.swap(slot, Word.leased, leased, leased - over)) continue
      cells.add(slot, LeaseWord.back, over)
      return
    }
  }

  return {
    take: (slot, amount) => {
      // Held before it is taken: a cell that is spent from is never anybody else's.
      cells.hold(slot, 1)
      if (amount === 0) return true
      for (;;) {
        const leased = cells.read(slot, Word.leased)
        if (leased < amount) break
        if (cells.swap(slot, Word.leased, leased, leased - amount)) return true
      }
      cells.hold(slot, -1)
      return false
    },
    settle: (slot, taken, used) => {
      if (used > taken) cells.add(slot, Word.leased, taken - used)
      else if (used < taken) giveBack(slot, taken - used)
      cells.hold(slot, -1)
    },
    isLow: (slot) => cells.read(slot, Word.leased) < cells.read(slot, Word.granted) * low,
    isLowSoon: (slot) => cells.read(slot, Word.leased) < cells.read(slot, Word.granted) * lowSoon,
  }
}

/** Permits and money: in this worker's column first, then the sum of all columns against what was granted. */
function heldSpend(cells: Cells): LeaseSpend {
  const inUse = (slot: number): number => {
    // The columns before the level: money on its way from one to the other is seen twice, never not at all.
    const held = cells.held(slot)
    return held + cells.read(slot, Word.level)
  }

  return {
    take: (slot, amount) => {
      if (amount === 0) return true
      cells.hold(slot, amount)
      if (inUse(slot) <= cells.read(slot, Word.granted)) return true
      cells.hold(slot, -amount)
      return false
    },
    settle: (slot, taken) => {
      if (taken > 0) cells.hold(slot, -taken)
    },
    isLow: (slot, amount) => inUse(slot) + amount > cells.read(slot, Word.granted),
    // What was spent of all that was granted shows to control alone.
    isLowSoon: () => false,
  }
}

/** Money stays spent: it is added to the level before the reservation goes. */
function moneySpend(cells: Cells): LeaseSpend {
  const held = heldSpend(cells)
  return {
    ...held,
    settle: (slot, taken, used) => {
      // Before the level: control, which sees that, is not to take what other calls hold for money that nobody has.
      if (used > taken) cells.add(slot, LeaseWord.over, used - taken)
      if (used > 0) cells.add(slot, Word.level, used)
      held.settle(slot, taken, used)
    },
  }
}
