import { isDeepStrictEqual } from 'node:util'
import type { Limit } from '../../base/limit.ts'
import { Word } from '../cells.ts'
import { amountOf, answer, answerEach, away, type AccountParts, type Operation, type Wish } from './account-parts.ts'
import { rememberedMs, type LeasedBucket, type LeasePlace } from './bank.ts'
import { choreOf } from './chore.ts'
import { tell } from './denial.ts'
import { holdingOf } from './holding-of.ts'
import type { Answered, Draft, Holding, Need } from './holding.ts'
import { outcomesOf, smallest, totalOf } from './outcomes.ts'
import { leasePause, type LeasePause } from './pause.ts'
import { leaseSize, type LeaseSize } from './size.ts'
import { isRefusal } from './scripts-together.ts'
import { low, lowSoon } from './spend.ts'
import { surplusOf, type Surplus } from './surplus.ts'
import type { LeaseOutcome, LeaseWish } from './wish.ts'

/** Wishes of one operation. */
const mostWishes = 256
/** Of a lease's time in Redis, how much of it is used here: clocks do not run at quite the same speed. */
const used = 0.95

/**
 * The lease of this process on one bucket. It does one operation at a time; one whose answer was lost is sent again, unchanged, until it
 * is answered, and until then nothing of it is anybody's.
 */
export class LeaseAccount {
  readonly key: string
  private readonly parts: AccountParts
  private readonly slot: number
  private readonly holding: Holding
  private readonly surplus: Surplus
  private readonly wishes: Wish[] = []
  private bucket: LeasedBucket
  private size: LeaseSize
  private pause: LeasePause
  private place: LeasePlace | null = null
  private pending: Operation | null = null
  private due: Need | null = null
  private running: Promise<void> | null = null
  private toldUs: number
  private untilUs = 0
  private isAbandoned = false

  constructor(parts: AccountParts, slot: number, bucket: LeasedBucket) {
    this.key = bucket.key
    this.parts = parts
    this.slot = slot
    this.bucket = bucket
    this.holding = holdingOf(bucket.limit.kind, parts.cells, slot)
    this.size = leaseSize(bucket.limit)
    this.pause = leasePause(bucket.limit)
    this.surplus = surplusOf(this.holding)
    this.toldUs = parts.clock.us()
  }

  /** The limit as it is now: it may have been changed. */
  update(limit: Limit): void {
    if (isDeepStrictEqual(limit, this.bucket.limit)) return
    this.bucket = { ...this.bucket, limit }
    this.size = leaseSize(limit)
    this.pause = leasePause(limit)
    this.place = null
  }

  /** A call needs so much; 0: it soon will. */
  async wish({ amount, isAlong }: Pick<LeaseWish, 'amount' | 'isAlong'>): Promise<LeaseOutcome> {
    const { promise, resolve } = Promise.withResolvers<LeaseOutcome>()
    this.wishes.push({ amount, isAlong, answered: resolve })
    this.pump()
    return promise
  }

  /** Looks after the lease: renews it, tells what was spent, hands back what is not needed. */
  look(): void {
    const now = this.parts.clock.us()
    if (this.holding.isHeld() && now >= this.untilUs) {
      this.holding.lapse()
      this.parts.counts.lapsed += 1
    }
    if (this.running !== null || this.parts.shared.isAway) return
    const usedUs = this.parts.cells.read(this.slot, Word.usedAt)
    this.due = choreOf(this.holding, this.surplus, { now, usedUs, toldUs: this.toldUs, renewMs: this.parts.renewMs })
    if (this.due !== null || this.pending !== null) this.pump()
  }

  /** Redis is back: what is open is sent again, and the lease is renewed. */
  returned(): void {
    if (this.bucket.limit.away !== 'closed') this.holding.takenWithout()
    if (this.holding.isHeld() || this.holding.hasNews()) this.due ??= { is: 'keep' }
    if (this.due !== null || this.pending !== null) this.pump()
  }

  /** µs until which the process may use what it holds; Infinity: it holds nothing. */
  validUntil(): number {
    return this.holding.isHeld() ? this.untilUs : Infinity
  }

  /** Nothing is held, and there is nothing to tell. */
  isEmpty(): boolean {
    return this.pending === null && this.running === null && !this.holding.isHeld() && !this.holding.hasNews()
  }

  /** Its slot is another key's from now on: nothing is written to it any more. */
  abandon(): void {
    this.isAbandoned = true
    this.answerAll()
  }

  /** Hands everything back. */
  async close(): Promise<void> {
    await this.running
    this.due = { is: 'return', leave: 0 }
    this.pump()
    await this.running
  }

  private pump(): void {
    this.running ??= this.run().finally(() => {
      this.running = null
      if (this.wishes.length > 0 || this.due !== null) this.pump()
    })
  }

  private async run(): Promise<void> {
    if (this.pending !== null && (await this.send(this.pending, [])) === 'lost') return this.answerAll()
    const asked = this.wishes.splice(0, mostWishes)
    if (asked.length > 0 && this.isThere(asked)) return answer(asked, { is: 'leased' })
    if (asked.length > 0 && this.isRefusedHere(asked)) return undefined
    const need = asked.length > 0 ? this.needOf(asked) : this.due
    if (asked.length === 0) this.due = null
    if (need === null || (await this.carryOut(need, asked))) return undefined
    answer(asked, away)
    this.answerAll()
  }

  private answerAll(): void {
    this.due = null
    answer(this.wishes.splice(0), away)
  }

  /** An operation before this one has brought enough, or a call has given it back. */
  private isThere(asked: readonly Wish[]): boolean {
    const { holding } = this
    const enough = holding.most() * (asked.some(({ isAlong }) => isAlong) ? lowSoon : low)
    return this.parts.clock.us() < this.untilUs && holding.free() >= Math.max(totalOf(asked.map(amountOf)), 1, enough)
  }

  /** Redis has said just now that there is nothing for any of them. */
  private isRefusedHere(asked: readonly Wish[]): boolean {
    if (this.pending !== null || this.due !== null) return false
    const free = this.parts.clock.us() < this.untilUs ? this.holding.free() : 0
    const outcomes = this.pause.refuse(asked.map(amountOf), { free, nowUs: this.parts.clock.us() })
    if (outcomes !== null) answerEach(asked, outcomes)
    return outcomes !== null
  }

  private needOf(asked: readonly Wish[]): Need {
    const amounts = asked.map(amountOf)
    const { shared, clock } = this.parts
    const total = totalOf(amounts)
    const { exact } = this.bucket.limit
    const spare = exact ? 0 : this.size.next({ largest: Math.max(...amounts), total, nodes: shared.nodes }, clock.us())
    return { is: 'more', least: smallest(amounts), total, spare }
  }

  /** False: no answer came. */
  private async carryOut(need: Need, asked: readonly Wish[]): Promise<boolean> {
    for (let turn = 0; turn < 3; turn += 1) {
      // What was spent in a period that is over is told there, before anything is taken in the next.
      const isOver = this.place !== null && this.parts.bank.isOver(this.place)
      if (isOver) this.holding.lapse()
      const operation = this.operationFor(isOver ? { is: 'return', leave: 0 } : need, isOver)
      const came = await this.send(operation, isOver ? [] : asked)
      if (came !== 'done') {
        if (came === 'lost') return false
        // Of a period that has ended on the way, the rest is told first; another is found by the clock of Redis.
        if (!this.parts.bank.isOver(operation.place)) this.place = null
        continue
      }
      if (!isOver || asked.length === 0) return true
      this.place = null
    }
    return false
  }

  private operationFor(need: Need, isOver: boolean): Operation {
    const { bank, clock, nextNumber } = this.parts
    this.place ??= bank.place(this.bucket, this.slot)
    const draft = this.holding.draft(need)
    const nothing = isOver ? { want: 0, least: 0, keep: 0 } : {}
    this.pending = { number: nextNumber(), place: this.place, sentUs: clock.us(), draft: { ...draft, ...nothing } }
    return this.pending
  }

  /** `period`: Redis was in another one, and nothing has changed. `lost`: no answer came. */
  private async send(operation: Operation, asked: readonly Wish[]): Promise<'done' | 'period' | 'lost'> {
    const { bank, clock, counts } = this.parts
    const { number, draft, place, sentUs } = operation
    try {
      const came = await bank.send(place, { ...draft, number })
      this.pending = null
      if (came.is === 'stale') return 'lost'
      if (came.is === 'period') return 'period'
      if (!this.isAbandoned) this.done(operation, came, asked)
      return 'done'
    } catch (error) {
      counts.errors += 1
      // What the script would not have, or what Redis may have forgotten, is not sent again.
      if (isRefusal(error) || clock.us() > sentUs + rememberedMs(place.limit) * 750) this.pending = null
      return 'lost'
    }
  }

  private done({ draft, sentUs }: Operation, came: Answered, asked: readonly Wish[]): void {
    const { clock, cells, counts, leaseMs, granted } = this.parts
    const { kind } = this.bucket.limit
    const now = clock.us()
    const until = sentUs + leaseMs * 1000 * used
    this.holding.apply(draft, came, now < until)
    if (now < until) this.untilUs = until
    this.toldUs = now
    this.size.saw(came.remaining, now)
    if (kind !== 'concurrency' && kind !== 'budget') cells.write(this.slot, Word.level, now + came.resetMs * 1000)
    counts.handedBack += draft.letGo + draft.fromBack
    if (came.granted > 0 && asked.length > 0) counts.leases += 1
    granted()
    if (asked.length > 0) this.share(draft, came, asked)
  }

  private share({ want }: Draft, came: Answered, asked: readonly Wish[]): void {
    const { cells, clock, shared } = this.parts
    if (came.is === 'done') this.surplus.reset()
    // What did not suffice here may be what another process lacks.
    else if (this.holding.isSpare()) this.due ??= { is: 'return', leave: 0 }
    const [amounts, free] = [asked.map(amountOf), this.holding.free()]
    const isWhole = came.is === 'done' && came.granted >= want
    const { outcomes, denied } = outcomesOf({ limit: this.bucket.limit, answer: came, amounts, isWhole, free })
    const nowUs = clock.us()
    const supply = { isWhole, isCut: this.size.isCut, nodes: shared.nodes, remaining: came.remaining }
    const until = this.pause.saw(supply, { denied, nowUs })
    tell(cells, this.slot, { denied: until, nowUs })
    answerEach(asked, outcomes)
  }
}
