import { Word, type Cells } from '../cells.ts'
import type { Holding } from './holding.ts'
import { LeaseWord } from './words.ts'

/**
 * Tokens of a rate: `leased` is what calls may take, less than 0 is debt; `granted` is the most that may stand there, which Redis keeps
 * out of the bucket for as long as it is ours. It is raised after Redis has said so, and lowered before.
 */
export function tokenHolding(cells: Cells, slot: number): Holding {
  const read = (word: number): number => cells.read(slot, word)

  /** Takes what is beyond `leave` out of the cell. */
  function drain(leave: number): number {
    for (;;) {
      const leased = read(Word.leased)
      const over = leased - leave
      if (over <= 0) return 0
      if (cells.swap(slot, Word.leased, leased, leave)) return over
    }
  }

  function lower(to: number): number {
    if (to < read(Word.granted)) cells.write(slot, Word.granted, to)
    return Math.max(to, read(Word.leased), 0)
  }

  return {
    draft: (need) => {
      if (need.is === 'return' && need.leave < read(Word.granted)) cells.write(slot, Word.granted, need.leave)
      const letGo = need.is === 'return' ? drain(need.leave) : 0
      const leased = read(Word.leased)
      const [have, used, fromBack] = [Math.max(0, leased), Math.max(0, -leased), read(LeaseWord.back)]
      const rest = { used, back: letGo + fromBack, fromBack, letGo }
      if (need.is !== 'more') return { want: 0, least: 0, keep: Math.max(have, read(Word.granted)), ...rest }
      const keep = lower(Math.max(have, need.total + need.spare))
      return { want: Math.max(0, keep - have), least: Math.max(0, Math.min(need.least, keep) - have), keep, ...rest }
    },
    apply: ({ keep, want, used, fromBack }, { granted }, isValid) => {
      if (fromBack > 0) cells.add(slot, LeaseWord.back, -fromBack)
      if (used > 0) cells.add(slot, Word.leased, used)
      cells.write(slot, Word.granted, isValid ? Math.max(0, keep - want + granted) : 0)
      if (isValid && granted > 0) cells.add(slot, Word.leased, granted)
      if (!isValid) drain(0)
    },
    lapse: () => {
      cells.write(slot, Word.granted, 0)
      drain(0)
    },
    // What a rate gave then is forgiven.
    takenWithout: () => {},
    free: () => read(Word.leased),
    most: () => read(Word.granted),
    isSpare: () => read(Word.granted) > 0 || read(Word.leased) > 0,
    isHeld: () => read(Word.granted) > 0 || read(Word.leased) > 0,
    hasNews: () => read(Word.leased) < 0 || read(LeaseWord.back) > 0,
  }
}
