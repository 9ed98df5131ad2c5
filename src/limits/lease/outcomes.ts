import type { Limit } from '../../base/limit.ts'
import type { Refusal } from './bank.ts'
import { waitOf } from './denial.ts'
import type { Answered } from './holding.ts'
import type { LeaseOutcome } from './wish.ts'

/** What came of an operation for the wishes it was for. */
export interface Asked {
  readonly limit: Limit
  readonly answer: Answered
  readonly amounts: readonly number[]
  /** All that was wanted was granted. */
  readonly isWhole: boolean
  /** What calls may take now. */
  readonly free: number
}

/** The outcomes of wishes, in their order, and the smallest that was refused. */
export interface Outcomes {
  readonly outcomes: readonly LeaseOutcome[]
  readonly denied: { readonly amount: number; readonly refusal: Refusal } | null
}

/** Shares what there is: first come, first served, whoever it is enough for. */
export function outcomesOf({ limit, answer, amounts, isWhole, free }: Asked): Outcomes {
  let left = free
  let denied: Outcomes['denied'] = null
  const outcomes = amounts.map((amount): LeaseOutcome => {
    if (isWhole || amount <= left || amount === 0) {
      left -= amount
      return { is: 'leased' }
    }
    const refusal = refusalOf({ limit, answer, amounts, isWhole, free: Math.max(0, left) }, amount)
    // It may be there by now, or another asking will tell why it is not.
    if (refusal === null) return { is: 'leased' }
    if (denied === null || amount < denied.amount) denied = { amount, refusal }
    return { is: 'refused', why: refusal.why, retryAfterMs: refusal.waitMs }
  })
  return { outcomes, denied }
}

/** The smallest amount that is asked for; 0 where nothing is needed yet. */
export function smallest(amounts: readonly number[]): number {
  const needed = amounts.filter((amount) => amount > 0)
  return needed.length === 0 ? 0 : Math.min(...needed)
}

/** All of them together. */
export function totalOf(amounts: readonly number[]): number {
  return amounts.reduce((sum, amount) => sum + amount, 0)
}

function refusalOf({ limit, answer, amounts, free }: Asked, amount: number): Refusal | null {
  if (limit.kind === 'concurrency' || limit.kind === 'budget') {
    if (answer.is !== 'refused') return null
    const most = limit.kind === 'budget' ? limit.nanoUsd : limit.most
    return { why: answer.refusal.why, waitMs: amount > most ? -1 : answer.refusal.waitMs }
  }
  if (amount > limit.burst) return { why: 'rate', waitMs: -1 }
  const missing = answer.is === 'refused' ? amount - smallest(amounts) : amount - free
  const already = answer.is === 'refused' ? answer.refusal.waitMs : 0
  const waitMs = Math.max(1, Math.ceil(Math.max(0, already) + (missing * limit.periodMs) / limit.count))
  return { why: 'rate', waitMs: waitOf(limit, waitMs) }
}
