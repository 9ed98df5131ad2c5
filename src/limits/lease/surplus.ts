import type { Holding } from './holding.ts'

/** Finds what was not needed for a second: the least that stood free in it, where that is more than half of what is held. */
export interface Surplus {
  /** How much of what is free to leave; null: leave it as it is. To be asked several times a second. */
  look(nowUs: number): number | null
  /** More was needed just now. */
  reset(): void
}

const secondUs = 1_000_000

/** The surplus of a holding. */
export function surplusOf(holding: Holding): Surplus {
  let least = Infinity
  let sinceUs = -1

  return {
    look: (nowUs) => {
      if (sinceUs < 0) sinceUs = nowUs
      const free = holding.free()
      least = Math.min(least, free)
      if (nowUs - sinceUs < secondUs) return null
      const low = least
      least = free
      sinceUs = nowUs
      return low > 0 && low * 2 > holding.most() ? free - low : null
    },
    reset: () => {
      least = Infinity
      sinceUs = -1
    },
  }
}
