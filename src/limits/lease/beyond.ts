import type { Cells } from '../cells.ts'
import { LeaseWord } from './words.ts'

/**
 * How much calls may hold beyond what their process is granted: it lapsed under them, they took it while Redis could not be asked, or other
 * calls used more than they took. All else that is seen beyond is of a call that is about to find that there is not enough, or that is
 * just being settled: to tell Redis that it is held would be to get it.
 */
export interface Beyond {
  /** What calls really hold, when so much is seen, and there are grants for so much. */
  really(seen: number, most: number): number
  /** Nobody knows how much it is, until all that is seen is granted. */
  readonly unknown: () => void
  readonly isLikely: boolean
}

/** What is beyond the grant of this cell. */
export function beyondGrant(cells: Cells, slot: number): Beyond {
  let beyond = 0

  /** Used beyond what was taken, since this was asked last. */
  function overused(): number {
    const over = cells.read(slot, LeaseWord.over)
    if (over > 0) cells.add(slot, LeaseWord.over, -over)
    return over
  }

  return {
    really: (seen, most) => {
      const over = overused()
      beyond = seen <= most ? 0 : beyond + over
      return Math.min(seen, most + beyond)
    },
    unknown: () => {
      beyond = Infinity
    },
    get isLikely() {
      return beyond > 0
    },
  }
}
