import type { Cells } from '../cells.ts'
import type { Clock } from '../clock.ts'
import type { LimitShared } from '../shared.ts'
import type { LeaseBank, LeasePlace } from './bank.ts'
import type { Draft } from './holding.ts'
import type { LeaseOutcome } from './wish.ts'

/** What accounts share. */
export interface AccountParts {
  readonly bank: LeaseBank
  readonly cells: Cells
  readonly clock: Clock
  readonly shared: LimitShared
  readonly leaseMs: number
  readonly renewMs: number
  /** Operations are numbered by the process: a lease that is begun anew goes on counting. */
  readonly nextNumber: () => number
  /** Something was granted: `validUntil` has moved. */
  readonly granted: () => void
  readonly counts: LeaseTotals
}

/** What all accounts have done. */
export interface LeaseTotals {
  leases: number
  handedBack: number
  lapsed: number
  errors: number
}

/** A call's wish, and whom to answer. */
export interface Wish {
  readonly amount: number
  readonly isAlong: boolean
  readonly answered: (outcome: LeaseOutcome) => void
}

/** An operation on its way to Redis. */
export interface Operation {
  readonly number: number
  readonly draft: Draft
  readonly place: LeasePlace
  /** µs: when it was sent first. */
  readonly sentUs: number
}

/** Tells all of them the same. */
export function answer(asked: readonly Wish[], outcome: LeaseOutcome): void {
  for (const { answered } of asked) answered(outcome)
}

/** Tells each its own. */
export function answerEach(asked: readonly Wish[], outcomes: readonly LeaseOutcome[]): void {
  for (const [at, { answered }] of asked.entries()) answered(outcomes[at] ?? away)
}

/** No answer came. */
export const away: LeaseOutcome = { is: 'away' }

/** What a wish is for. */
export function amountOf({ amount }: Wish): number {
  return amount
}
