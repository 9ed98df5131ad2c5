import { RelayError } from '../base/errors.ts'
import type { Used } from '../base/tokens.ts'
import type { Call } from '../engine/call.ts'
import { awaitFor, goneFor } from '../engine/hold.ts'
import type { LimitSet, Refused, Verdict } from '../limits/store.ts'
import { limitKinds } from '../metrics/layout.ts'
import { takenAmounts } from './limit-amounts.ts'
import type { LimitOptions } from './limit-options.ts'
import { awayRefusal, refusalOf } from './limit-refusal.ts'
import type { Holding } from './limits-for.ts'
import type { Attempt, Ticket } from './queue-ticket.ts'
import { Reservation } from './reservation.ts'

/** What is to be taken for a call. */
export interface Taker {
  readonly options: LimitOptions
  readonly holding: Holding
  readonly expected: Used | null
  readonly cost: number
  readonly set: LimitSet
}

type No = Exclude<Verdict, { readonly is: 'taken' }>

/** One call on its way through its limits: at once, after an answer from elsewhere, or through the route's queue. */
export class Admission {
  readonly call: Call
  readonly options: LimitOptions
  private readonly holding: Holding
  private readonly expected: Used | null
  private readonly cost: number
  private set: LimitSet
  private amounts: number[]
  private lastNo: No | null = null

  constructor(call: Call, { options, holding, expected, cost, set }: Taker) {
    this.call = call
    this.options = options
    this.holding = holding
    this.expected = expected
    this.cost = cost
    this.set = set
    this.amounts = takenAmounts(set, expected, cost)
  }

  ask(): Verdict | Promise<Verdict> {
    return this.options.limiter.take(this.call.id, this.set, this.amounts)
  }

  /** Everything was taken; what the caller left before is given back. */
  taken(over: readonly number[]): void {
    const { call, options, set, amounts } = this
    const { column } = options
    const tenant = call.tenant?.slot ?? 0
    for (const at of over) column.limitDryRun(tenant, limitKinds.indexOf(set.buckets[at]!.limit.kind))
    const taking = { id: call.id, store: options.limiter, set, amounts, over, released: options.queues.released }
    call.reserved = new Reservation(taking, this.expected)
    // Nobody will settle it: its end has been.
    if (call.end !== null) call.reserved.settle(false, null, 0)
  }

  /** What the caller is told. */
  refused(verdict: No): RelayError {
    const { call, options, set, amounts } = this
    if (verdict.is === 'away') {
      options.column.refusedAway()
      return awayRefusal(set, verdict.at)
    }
    options.column.limitHit(call.tenant?.slot ?? 0, limitKinds.indexOf(set.buckets[verdict.at]!.limit.kind))
    const lines = options.headers?.(set, call.tenant !== null) ?? null
    const wanted = { store: options.limiter, set, amounts, tenant: call.tenant?.name ?? '', lines: lines === null ? [] : [lines] }
    return refusalOf(verdict, wanted)
  }

  /** An answer that is on its way: settles when the call may go out. */
  async answered(coming: Promise<Verdict>): Promise<void> {
    const verdict = await this.heard(coming)
    if (verdict.is === 'taken') return this.taken(verdict.over)
    if (!this.waits(verdict)) throw this.refused(verdict)
    return this.waitInQueue()
  }

  /** Whether nobody waits for what this call takes. */
  isFree(): boolean {
    return this.options.queue!.queue.isFree(this.set.buckets.map(({ key }) => key))
  }

  /** Whether a refused call is to wait: the route has a queue, and the limit refuses for no longer than calls wait there. */
  waits(verdict: No): verdict is Refused {
    const { queue } = this.options
    this.lastNo = verdict
    if (queue === null || verdict.is === 'away' || verdict.why === 'spent' || verdict.retryAfterMs < 0) return false
    return verdict.why !== 'rate' || verdict.retryAfterMs <= queue.timeoutMs
  }

  async waitInQueue(): Promise<void> {
    const { queue, most, timeoutMs } = this.options.queue!
    await queue.wait(this.call, this.ticket(most, timeoutMs))
  }

  private ticket(most: number, timeoutMs: number): Ticket {
    const { call, expected } = this
    return {
      tenant: call.tenant?.name ?? '',
      priority: call.tenant?.priority ?? defaultPriority,
      size: expected === null ? 1 : expected.input + expected.output,
      most,
      timeoutMs,
      buckets: this.set.buckets.map(({ key }) => key),
      attempt: () => this.attempt(),
      giveBack: () => call.reserved?.settle(false, null, 0),
      refusal: (why) => this.turnedAway(why),
    }
  }

  /** Slots may have moved and periods ended while it waited: the buckets are looked up each time. */
  private attempt(): Attempt | Promise<Attempt> {
    const { limiter } = this.options
    const set = limiter.bind(this.holding.subject, this.holding.limits)
    if (set instanceof Promise) return this.attemptLater(set)
    this.use(set)
    const verdict = this.ask()
    return verdict instanceof Promise ? this.attempted(verdict) : this.attemptOf(verdict)
  }

  private async attemptLater(coming: Promise<LimitSet>): Promise<Attempt> {
    this.use(await coming)
    return this.attempted(this.ask())
  }

  private async attempted(coming: Verdict | Promise<Verdict>): Promise<Attempt> {
    return this.attemptOf(await coming)
  }

  private attemptOf(verdict: Verdict): Attempt {
    const buckets = this.set.buckets.map(({ key }) => key)
    if (verdict.is === 'taken') {
      this.taken(verdict.over)
      return { is: 'taken' }
    }
    if (!this.waits(verdict)) return { is: 'refused', error: this.refused(verdict) }
    return { is: 'waits', bucket: this.set.buckets[verdict.at]!.key, buckets, waitMs: verdict.why === 'rate' ? verdict.retryAfterMs : 0 }
  }

  private use(set: LimitSet): void {
    if (set === this.set) return
    this.set = set
    this.amounts = takenAmounts(set, this.expected, this.cost)
  }

  private turnedAway(why: 'full' | 'late'): RelayError {
    const { timeoutMs } = this.options.queue!
    const { lastNo } = this
    const told = why === 'full' ? 'too many calls wait already' : `it waited ${timeoutMs} ms for its turn`
    if (lastNo === null) {
      // It never came to ask, as others wait for what it takes: counted as a hit of its first limit.
      this.options.column.limitHit(this.call.tenant?.slot ?? 0, limitKinds.indexOf(this.set.buckets[0]?.limit.kind ?? 'requests'))
      return new RelayError('over_limit', told, { retryAfterMs: 1000 })
    }
    const error = this.refused(lastNo)
    return new RelayError('over_limit', `${error.message}; ${told}`, {
      retryAfterMs: Math.max(1000, error.retryAfterMs ?? 0),
      lines: error.lines,
    })
  }

  /** Waits for the store. What it has taken for a call that nobody wants any more goes back. */
  private async heard(coming: Promise<Verdict>): Promise<Verdict> {
    const { call } = this
    const late = coming.then((verdict) => {
      if (verdict.is === 'taken' && goneFor(call) !== null) {
        this.taken(verdict.over)
        call.reserved?.settle(false, null, 0)
      }
      return verdict
    })
    return awaitFor(call, late)
  }
}

const defaultPriority = 5
