import type { LeaseAnswer, LeaseOperation } from './bank.ts'

/** The cell of a leased bucket as control sees it: what is in it, and how operations on the lease change that. */
export interface Holding {
  /** The amounts of the next operation. What it lets go of is out of the cell when it returns. */
  draft(need: Need): Draft
  /** The operation was done, or refused; `isValid`: not so long ago that what it granted has lapsed again. */
  apply(draft: Draft, answer: Answered, isValid: boolean): void
  /** What the process held has lapsed in Redis. */
  lapse(): void
  /** Calls may have taken of it while Redis could not be asked. */
  takenWithout(): void
  /** What calls may take now. */
  free(): number
  /** The most that may be free. */
  most(): number
  /** Whether the process holds anything in Redis. */
  isHeld(): boolean
  /** Whether all that is held could be handed back, or some of it. */
  isSpare(): boolean
  /** Whether there is anything that Redis has not been told: money spent, tokens given back, debt, or what calls hold beyond a grant. */
  hasNews(): boolean
}

/** What the operation is for. */
export type Need =
  /** Calls ask for `total`, the smallest of them for `least`; `spare` in advance. */
  | { readonly is: 'more'; readonly least: number; readonly total: number; readonly spare: number }
  /** It stays as it is: to renew it, and to tell what there is to tell. */
  | { readonly is: 'keep' }
  /** Only `leave` of what no call has taken stays. */
  | { readonly is: 'return'; readonly leave: number }

/** The amounts of an operation, and what of them is still in the cell until it is done. */
export interface Draft extends Omit<LeaseOperation, 'number'> {
  /** Of `back`: what stands in the cell's own word. */
  readonly fromBack: number
  /** What was let go of. */
  readonly letGo: number
}

/** An answer that an operation was carried out, wholly or but for its grant. */
export type Answered = Extract<LeaseAnswer, { is: 'done' | 'refused' }>
