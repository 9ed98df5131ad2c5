import { Word } from '../cells.ts'
import type { Bucket } from '../store.ts'
import { isBeyond, missingUs, portionOf, refusalOf, remainingOf, shapeOf, windowOf } from './gcra.ts'
import type { Kind, KindParts, Refusal } from './kind.ts'

/**
 * Rates: a take is one compare-and-swap, a refusal writes nothing. Debt is bounded: a bucket never owes more than one burst. What calls
 * used beyond that is forgiven (a longer limit remembers it), and a bucket whose limit was lowered under it is full again after two
 * windows of the new one at the latest.
 */
export function rates({ cells, clock, nodes }: KindParts): Kind {
  const { forgive, giveBack, owe } = settling({ cells, clock, nodes })

  function take({ slot, limit }: Place, amount: number, now: number): Refusal | null {
    const shape = shapeOf(limit, nodes())
    for (;;) {
      const level = cells.read(slot, Word.level)
      const missing = missingUs(level, now, shape)
      const refusal = refusalOf(missing, amount, shape)
      if (refusal !== null) {
        if (isBeyond(level, now, shape)) forgive({ slot, limit })
        return refusal
      }
      if (cells.swap(slot, Word.level, level, now + missing + portionOf(amount, shape) * shape.stepUs)) return null
    }
  }

  return {
    take: (bucket, amount, now) => (amount === 0 ? null : take(bucket, amount, now)),
    look: ({ slot, limit }, amount, now) => {
      const shape = shapeOf(limit, nodes())
      return amount === 0 ? null : refusalOf(missingUs(cells.read(slot, Word.level), now, shape), amount, shape)
    },
    undo: (bucket, amount) => giveBack(bucket, portionOf(amount, shapeOf(bucket.limit, nodes()))),
    begin: ({ slot }) => cells.hold(slot, 1),
    settle: (bucket, taken, used) => {
      if (used !== taken) {
        const more = used - portionOf(taken, shapeOf(bucket.limit, nodes()))
        if (more > 0) owe(bucket, more)
        else giveBack(bucket, -more)
      }
      cells.hold(bucket.slot, -1)
    },
    reading: ({ slot, limit }) => {
      const shape = shapeOf(limit, nodes())
      const missing = missingUs(cells.read(slot, Word.level), clock.us(), shape)
      return { limit: shape.burst, remaining: remainingOf(missing, shape), resetMs: Math.ceil(missing / 1000) }
    },
  }
}

type Place = Pick<Bucket, 'slot' | 'limit'>

/** What changes a bucket after a take. */
interface Settling {
  /** Debt beyond the bound would else stay for as long as the limit had it that was lowered. */
  readonly forgive: (place: Place) => void
  readonly giveBack: (bucket: Bucket, amount: number) => void
  readonly owe: (bucket: Bucket, amount: number) => void
}

// The level is read before the clock: a thread that loses its core in between would else take a level of after that for one far ahead of
// its clock, and fill the bucket anew.
function settling({ cells, clock, nodes }: KindParts): Settling {
  return {
    forgive: ({ slot, limit }) => {
      const newest = cells.read(slot, Word.window)
      // Who asks by a limit that has been raised since (it waited in a queue) would fill the larger bucket anew.
      if (newest !== 0 && newest !== windowOf(limit)) return
      const shape = shapeOf(limit, nodes())
      const level = cells.read(slot, Word.level)
      const now = clock.us()
      if (isBeyond(level, now, shape)) cells.swap(slot, Word.level, level, now + missingUs(level, now, shape))
    },
    giveBack: ({ slot, limit }, amount) => {
      // A moment that is over means full, however long it is over: no need to look where it stands.
      if (amount > 0) cells.add(slot, Word.level, -amount * shapeOf(limit, nodes()).stepUs)
    },
    owe: ({ slot, limit }, amount) => {
      const shape = shapeOf(limit, nodes())
      for (;;) {
        const level = cells.read(slot, Word.level)
        const now = clock.us()
        const before = Math.max(level, now)
        const owed = before + amount * shape.stepUs
        // Where it owes more already, a larger limit has come since this call began: its end gives nothing of that back.
        const after = Math.max(before, now + missingUs(owed, now, shape))
        if (after === level || cells.swap(slot, Word.level, level, after)) return
      }
    },
  }
}
