import type { Limit } from '../../base/limit.ts'
import type { Refusal } from './bank.ts'
import { gatherMs, isFast } from './denial.ts'
import type { Outcomes } from './outcomes.ts'
import type { LeaseOutcome } from './wish.ts'

/** An answer of Redis, as far as it tells whether there is enough. */
export interface Supply {
  /** All that was wanted was granted. */
  readonly isWhole: boolean
  /** Less was wanted than would have been, for the other nodes' sake. */
  readonly isCut: boolean
  readonly nodes: number
  /** What Redis has left. */
  readonly remaining: number
}

/**
 * A fast rate that had less than was wanted is not asked again before tokens have gathered: calls are refused meanwhile, in all workers,
 * but for those small enough for what Redis had left. While several nodes share too little, each takes its part once in that time and no
 * more, so that whoever asks first leaves something to the others.
 */
export interface LeasePause {
  /** After an answer: from which amount calls are to be refused, and for how long; null: ask as you like. */
  saw(supply: Supply, asked: { readonly denied: Outcomes['denied']; readonly nowUs: number }): Outcomes['denied']
  /** The outcomes without asking; null: Redis has to be asked. */
  refuse(amounts: readonly number[], have: { readonly free: number; readonly nowUs: number }): readonly LeaseOutcome[] | null
}

/** The pauses of one bucket's lease. */
export function leasePause(limit: Limit): LeasePause {
  if (!isFast(limit)) return { saw: (_supply, { denied }) => denied, refuse: () => null }
  const stepUs = (limit.periodMs * 1000) / limit.count
  // There was less than was wanted, and there has not been enough since.
  let isScarce = false
  // A bucket that is full sooner would lose what comes in meanwhile.
  const pauseMs = Math.min(gatherMs, (limit.burst * stepUs) / 2000)
  const pausing: Refusal = { why: 'rate', waitMs: pauseMs }
  let fromUs = 0
  let untilUs = 0
  // What may still be asked for during the pause.
  let left = 0

  /** ms until so much may be there. */
  const waitMs = (missing: number, nowUs: number): number =>
    Math.max(1, Math.ceil(Math.max(untilUs - nowUs, missing * stepUs - (nowUs - fromUs)) / 1000))

  return {
    saw: ({ isWhole, isCut, nodes, remaining }, { denied, nowUs }) => {
      const isShared = isScarce && isWhole && isCut && nodes > 1
      isScarce = !isWhole || isShared
      if (!isScarce) return denied
      fromUs = nowUs
      untilUs = nowUs + pauseMs * 1000
      left = isShared ? 0 : remaining
      // A denial of a large amount may be for longer than the pause, which has to be told here alone then.
      if (denied !== null && (denied.refusal.waitMs < 0 || denied.refusal.waitMs > gatherMs) && left > 0) return denied
      return { amount: left + 1, refusal: pausing }
    },
    refuse: (amounts, { free, nowUs }) => {
      if (nowUs >= untilUs) return null
      const there = left + (nowUs - fromUs) / stepUs
      let rest = free
      const outcomes = amounts.map((amount): LeaseOutcome | null => {
        if (amount <= rest) {
          rest -= amount
          return { is: 'leased' }
        }
        if (amount <= rest + (left > 0 ? there : 0)) return null
        const wait = amount > limit.burst ? -1 : waitMs(amount - rest - left, nowUs)
        return { is: 'refused', why: 'rate', retryAfterMs: wait }
      })
      return outcomes.every((outcome) => outcome !== null) ? outcomes : null
    },
  }
}
