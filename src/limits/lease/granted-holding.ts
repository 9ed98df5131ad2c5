import { Word, type Cells } from '../cells.ts'
import { beyondGrant } from './beyond.ts'
import type { Holding } from './holding.ts'
import { LeaseWord } from './words.ts'

/**
 * Permits and money: `granted` is all that Redis has granted so far, what was spent of it (and told) included, so that workers compare it
 * with what they spent and hold in all. It is raised after Redis has said so, and lowered before: a worker that takes while it is lowered
 * either sees that, or is seen here and keeps what it took.
 */
export function grantedHolding(cells: Cells, slot: number): Holding {
  const read = (word: number): number => cells.read(slot, word)
  // What Redis has been told was spent. Whoever put money into a new cell that needs no telling put it into `granted` as well.
  let told = read(Word.granted)
  const beyond = beyondGrant(cells, slot)

  /** In use by calls: the columns before the level, as workers do. */
  function inUse(): number {
    return cells.held(slot) + read(Word.level)
  }

  function lower(to: number): number {
    const before = read(Word.granted)
    if (to >= before) return 0
    cells.write(slot, Word.granted, to)
    const now = Math.max(to, Math.min(before, inUse()))
    if (now > to) cells.write(slot, Word.granted, now)
    return before - now
  }

  return {
    draft: (need) => {
      const letGo = need.is === 'return' ? lower(inUse() + need.leave) : 0
      const seen = cells.held(slot)
      const used = read(Word.level) - told
      // All that workers may still use of it.
      const most = Math.max(read(Word.granted) - told - used, 0)
      const held = beyond.really(seen, most)
      const rest = { keep: Math.max(held, most), used, back: held, fromBack: 0, letGo }
      if (need.is !== 'more') return { want: rest.keep, least: 0, ...rest }
      return { want: Math.max(most, held + need.total + need.spare), least: held + need.least, ...rest }
    },
    apply: ({ used }, { granted, remaining, is, refusal }, isValid) => {
      told += used
      if (!isValid) beyond.unknown()
      cells.write(slot, Word.granted, told + (isValid ? granted : 0))
      cells.write(slot, LeaseWord.rest, is === 'refused' && refusal.why === 'spent' ? spentAll : remaining)
    },
    lapse: () => {
      beyond.unknown()
      cells.write(slot, Word.granted, told)
    },
    takenWithout: beyond.unknown,
    free: () => read(Word.granted) - inUse(),
    most: () => read(Word.granted) - told,
    isSpare: () => read(Word.granted) > inUse(),
    isHeld: () => read(Word.granted) > told,
    hasNews: () => read(Word.level) !== told || (beyond.isLikely && inUse() > read(Word.granted)),
  }
}

/** In the place of what is left: calls were refused for money that is gone, not for what others hold. */
export const spentAll = -1
