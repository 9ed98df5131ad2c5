import { isDeepStrictEqual } from 'node:util'
import type { Limit } from '../../base/limit.ts'
import { Word, type Cells } from '../cells.ts'
import type { Clock } from '../clock.ts'
import type { LimitShared } from '../shared.ts'
import { rememberedMs, type LeaseBank, type LeasedBucket, type LeasePlace } from './bank.ts'
import { allow, deny } from './denial.ts'
import { holdingOf, type Answered, type Draft, type Need } from './holding.ts'
import { leaseSize } from './size.ts'
import { outcomesOf, smallest, totalOf } from './outcomes.ts'
import { surplusOf } from './surplus.ts'
import type { LeaseOutcome } from './wish.ts'

/**
 * The lease of this process on one bucket. It does one operation at a time; one whose answer was lost is sent again, unchanged, until it
 * is answered, and until then nothing of it is anybody's.
 */
export interface LeaseAccount {
  readonly key: string
  /** The limit as it is now: it may have been changed. */
  update(limit: Limit): void
  /** Its slot is another key's from now on: nothing is written to it any more. */
  abandon(): void
  wish(amount: number): Promise<LeaseOutcome>
  /** Looks after the lease: renews it, tells what was spent, hands back what is not needed. */
  look(): void
  /** Redis is back: what is open is sent again, and the lease is renewed. */
  returned(): void
  /** µs until which the process may use what it holds; Infinity: it holds nothing. */
  validUntil(): number
  /** Nothing is held, and there is nothing to tell. */
  isEmpty(): boolean
  /** Hands everything back. */
  close(): Promise<void>
}

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
  readonly counts: LeaseCountsSoFar
}

/** What all accounts have done. */
export interface LeaseCountsSoFar {
  leases: number
  handedBack: number
  lapsed: number
  errors: number
}

interface Wish {
  readonly amount: number
  readonly answered: (outcome: LeaseOutcome) => void
}

interface Pending {
  readonly number: number
  readonly draft: Draft
  readonly place: LeasePlace
  /** µs: when it was sent first. */
  readonly sentUs: number
}

const tellUs = 1_000_000
/** Wishes of one operation. */
const mostWishes = 256

/** The account of a bucket in this slot. */
export function leaseAccount(parts: AccountParts, slot: number, first: LeasedBucket): LeaseAccount {
  const { bank, cells, clock, shared, leaseMs, renewMs, counts } = parts
  let bucket = first
  const holding = holdingOf(first.limit.kind, cells, slot)
  let size = leaseSize(first.limit)
  const surplus = surplusOf(holding)
  const wishes: Wish[] = []
  let place: LeasePlace | null = null
  let pending: Pending | null = null
  let due: Need | null = null
  let toldUs = clock.us()
  let renewedUs = 0
  let untilUs = 0
  let running: Promise<void> | null = null
  let isAbandoned = false

  function pump(): void {
    running ??= run().finally(() => {
      running = null
      if (wishes.length > 0 || due !== null) pump()
    })
  }

  async function run(): Promise<void> {
    if (pending !== null && !(await send(pending, []))) return answerAll(away)
    const asked = wishes.splice(0, mostWishes)
    if (asked.length > 0 && isThere(asked)) {
      for (const { answered } of asked) answered({ is: 'leased' })
      return
    }
    const need = asked.length > 0 ? needOf(asked) : due
    if (need === null) return
    if (asked.length === 0) due = null
    if (!(await carryOut(need, asked))) {
      for (const { answered } of asked) answered(away)
      answerAll(away)
    }
  }

  function answerAll(outcome: LeaseOutcome): void {
    due = null
    for (const { answered } of wishes.splice(0)) answered(outcome)
  }

  /** An operation before this one has brought enough, or a call has given it back. */
  function isThere(asked: readonly Wish[]): boolean {
    const total = asked.reduce((sum, { amount }) => sum + amount, 0)
    return clock.us() < untilUs && holding.free() >= Math.max(total, 1, holding.most() / 4)
  }

  function needOf(asked: readonly Wish[]): Need {
    const amounts = asked.map(({ amount }) => amount)
    const spare = bucket.limit.exact ? 0 : size.next(Math.max(...amounts), shared.nodes, clock.us())
    return { is: 'more', least: smallest(amounts), total: totalOf(amounts), spare }
  }

  /** False: no answer came. */
  async function carryOut(need: Need, asked: readonly Wish[]): Promise<boolean> {
    for (let turn = 0; turn < 3; turn += 1) {
      const old = place
      place ??= bank.place(bucket, slot)
      // What was spent in a period that is over is told there, before anything is taken in the next.
      const isOver = old !== null && bank.isOver(old)
      if (isOver) holding.lapse()
      const draft = holding.draft(isOver ? { is: 'return', leave: 0 } : need)
      pending = { number: parts.nextNumber(), place, sentUs: clock.us(), draft: isOver ? { ...draft, want: 0, least: 0, keep: 0 } : draft }
      if (!(await send(pending, isOver ? [] : asked))) return false
      if (place !== null && (!isOver || asked.length === 0)) return true
      place = null
    }
    return false
  }

  /** False: no answer came. Redis in another period leaves no place behind. */
  async function send(operation: Pending, asked: readonly Wish[]): Promise<boolean> {
    const { number, draft, place: where, sentUs } = operation
    try {
      const answer = await bank.send(where, { ...draft, number })
      pending = null
      if (answer.is === 'stale') return false
      if (answer.is === 'period') place = null
      else done({ operation, answer, asked, isValid: clock.us() < sentUs + leaseMs * 950 })
      return true
    } catch (error) {
      counts.errors += 1
      // What the script would not have, or what Redis may have forgotten, is not sent again.
      if (isRefusal(error) || clock.us() > sentUs + rememberedMs(where.limit) * 750) pending = null
      return false
    }
  }

  function done({ operation, answer, asked, isValid }: Done): void {
    if (isAbandoned) return
    const now = clock.us()
    const { draft, sentUs } = operation
    const { limit } = bucket
    holding.apply(draft, answer, isValid)
    toldUs = renewedUs = now
    if (isValid) untilUs = sentUs + leaseMs * 950
    size.saw(answer.remaining, now)
    if (limit.kind !== 'concurrency' && limit.kind !== 'budget') cells.write(slot, Word.level, now + answer.resetMs * 1000)
    counts.handedBack += draft.letGo + draft.fromBack
    if (answer.granted > 0 && draft.want > 0 && asked.length > 0) counts.leases += 1
    parts.granted()
    if (asked.length === 0) return
    surplus.reset()
    const amounts = asked.map(({ amount }) => amount)
    const { outcomes, denied } = outcomesOf({ limit, answer, amounts, isWhole: answer.granted >= draft.want, free: holding.free() })
    if (denied === null) allow(cells, slot)
    else deny(cells, slot, { ...denied, nowUs: now })
    for (const [at, { answered }] of asked.entries()) answered(outcomes[at] ?? away)
  }

  /** What is to be done without being asked. */
  function chore(now: number): Need | null {
    if (holding.isSpare() && now - cells.read(slot, Word.usedAt) > tellUs) return { is: 'return', leave: 0 }
    const leave = surplus.look(now)
    if (leave !== null) return { is: 'return', leave }
    if (holding.hasNews() && now - toldUs >= tellUs) return { is: 'keep' }
    return holding.isHeld() && now - renewedUs >= renewMs * 1000 ? { is: 'keep' } : null
  }

  function lapse(now: number): void {
    if (!holding.isHeld() || now < untilUs) return
    holding.lapse()
    counts.lapsed += 1
  }

  return {
    key: first.key,
    update: (limit) => {
      if (isDeepStrictEqual(limit, bucket.limit)) return
      bucket = { ...bucket, limit }
      size = leaseSize(limit)
      place = null
    },
    abandon: () => {
      isAbandoned = true
      answerAll(away)
    },
    wish: async (amount) => {
      const { promise, resolve } = Promise.withResolvers<LeaseOutcome>()
      wishes.push({ amount, answered: resolve })
      pump()
      return promise
    },
    look: () => {
      const now = clock.us()
      lapse(now)
      if (running !== null || shared.isAway) return
      due = chore(now)
      if (due !== null || pending !== null) pump()
    },
    returned: () => {
      if (holding.isHeld() || holding.hasNews()) due ??= { is: 'keep' }
      if (due !== null || pending !== null) pump()
    },
    validUntil: () => (holding.isHeld() ? untilUs : Infinity),
    isEmpty: () => pending === null && running === null && !holding.isHeld() && !holding.hasNews(),
    close: async () => {
      await running
      due = { is: 'return', leave: 0 }
      pump()
      while (running !== null) await running
    },
  }
}

interface Done {
  readonly operation: Pending
  readonly answer: Answered
  readonly asked: readonly Wish[]
  readonly isValid: boolean
}

const away: LeaseOutcome = { is: 'away' }

function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('ERR relay')
}
